/** What a commit does to the tables. */
import { ENOENT, fail } from '#core/base/errno.ts'
import { inoText } from '#core/base/ino.ts'
import { nameToBytes } from '#core/base/name.ts'
import type { Change } from '#core/meta/engine.ts'
import type { NodeRecord } from '#core/meta/records.ts'
import { encodeDelayed, encodePlocks } from '#core/meta/records-codec.ts'
import { QUOTA_TYPE } from './read.ts'
import { inoToSql, ownerToSql, type SqlInteger, timeToSql } from './rows.ts'
import type { Statements } from './statements.ts'

/** Apply one change; returns its reply (0 for most). Inside the commit's transaction. @hot */
export function applyChange(s: Statements, op: string, change: Change, legacySessions: boolean): number {
  switch (change.kind) {
    case 'putNode':
      s.get('putNode').run(...nodeToSql(inoToSql(change.ino), change.node))
      return 0
    case 'delNode':
      s.run('delNode', inoToSql(change.ino))
      return 0
    case 'touchNode':
      return touchNode(s, op, change)
    case 'putEdge':
      s.run(
        'putEdge',
        inoToSql(change.parent),
        nameToBytes(change.name),
        inoToSql(change.edge.ino),
        change.edge.type,
      )
      return 0
    case 'delEdge':
      s.run('delEdge', inoToSql(change.parent), nameToBytes(change.name))
      return 0
    case 'appendChunk':
      return s.row('appendChunk', inoToSql(change.ino), change.index, change.slices)![0] as number
    case 'replaceChunkPrefix':
      s.run('replaceChunkPrefix', change.slices, change.prefixBytes, inoToSql(change.ino), change.index)
      return 0
    case 'delChunk':
      s.run('delChunk', inoToSql(change.ino), change.index)
      return 0
    case 'newSliceRef':
      s.run('newSliceRef', change.id, change.size)
      return 0
    case 'addSliceRef':
      return addSliceRef(s, change.id, change.add)
    case 'delSliceRef':
      s.run('delSliceRef', change.id)
      return 0
    case 'addParent':
    case 'delParents':
      return 0 // derived from the edges
    case 'putSymlink':
      s.run('putSymlink', inoToSql(change.ino), change.target)
      return 0
    case 'delSymlink':
      s.run('delSymlink', inoToSql(change.ino))
      return 0
    case 'putXattr':
      s.run('putXattr', inoToSql(change.ino), nameToBytes(change.name), change.value)
      return 0
    case 'delXattr':
      s.run('delXattr', inoToSql(change.ino), nameToBytes(change.name))
      return 0
    case 'delXattrs':
      s.run('delXattrs', inoToSql(change.ino))
      return 0
    case 'addUsage':
      addUsage(s, change.space, change.inodes)
      return 0
    case 'putDirStat':
      s.run('putDirStat', inoToSql(change.ino), change.stat.length, change.stat.space, change.stat.inodes)
      return 0
    case 'delDirStat':
      s.run('delDirStat', inoToSql(change.ino))
      return 0
    case 'addDirStat':
      return s.run('addDirStat', change.length, change.space, change.inodes, inoToSql(change.ino))
    default:
      return applyRareChange(s, change, legacySessions)
  }
}

type RareChange = Exclude<
  Change,
  {
    kind:
      | 'putNode'
      | 'delNode'
      | 'touchNode'
      | 'putEdge'
      | 'delEdge'
      | 'appendChunk'
      | 'replaceChunkPrefix'
      | 'delChunk'
      | 'newSliceRef'
      | 'addSliceRef'
      | 'delSliceRef'
      | 'addParent'
      | 'delParents'
      | 'putSymlink'
      | 'delSymlink'
      | 'putXattr'
      | 'delXattr'
      | 'delXattrs'
      | 'addUsage'
      | 'putDirStat'
      | 'delDirStat'
      | 'addDirStat'
  }
>

/** Locks, sessions, deferred deletions, quotas, counters and the setting. */
function applyRareChange(s: Statements, change: RareChange, legacySessions: boolean): number {
  switch (change.kind) {
    case 'putFlock': {
      const { sid, owner, type } = change.lock
      s.run('putFlock', inoToSql(change.ino), sid, ownerToSql(owner), type.charCodeAt(0))
      return 0
    }
    case 'delFlock':
      s.run('delFlock', inoToSql(change.ino), change.sid, ownerToSql(change.owner))
      return 0
    case 'putPlock': {
      const { sid, owner, ranges } = change.lock
      s.run('putPlock', inoToSql(change.ino), sid, ownerToSql(owner), encodePlocks(ranges))
      return 0
    }
    case 'delPlock':
      s.run('delPlock', inoToSql(change.ino), change.sid, ownerToSql(change.owner))
      return 0
    case 'putSession': {
      const { sid, expire, info } = change.session
      s.run('putSession', sid, expire, Buffer.from(info))
      return 0
    }
    case 'delSession':
      s.run('delSession', change.sid)
      if (legacySessions) s.run('delLegacySession', change.sid)
      return 0
    case 'delSessionLocks':
      s.run('delSessionFlocks', change.sid)
      s.run('delSessionPlocks', change.sid)
      return 0
    case 'putSustained':
      s.run('putSustained', change.sid, inoToSql(change.ino))
      return 0
    case 'delSustained':
      s.run('delSustained', change.sid, inoToSql(change.ino))
      return 0
    case 'putDeletedFile':
      s.run('putDeletedFile', inoToSql(change.file.ino), change.file.length, change.file.deleted)
      return 0
    case 'delDeletedFile':
      s.run('delDeletedFile', inoToSql(change.ino))
      return 0
    case 'putDelayedSlices': {
      const { newId, deleted, slices } = change.record
      s.run('putDelayedSlices', newId, deleted, encodeDelayed(slices))
      return 0
    }
    case 'delDelayedSlices':
      s.run('delDelayedSlices', change.newId, change.deleted)
      return 0
    case 'putDetached':
      s.run('putDetached', inoToSql(change.ino), change.added)
      return 0
    case 'delDetached':
      s.run('delDetached', inoToSql(change.ino))
      return 0
    case 'putQuota': {
      const { maxSpace, maxInodes, usedSpace, usedInodes } = change.quota
      if (change.of === 'dir')
        s.run('putDirQuota', inoToSql(change.id), maxSpace, maxInodes, usedSpace, usedInodes)
      else
        s.run('putOwnerQuota', change.id, maxSpace, maxInodes, usedSpace, usedInodes, QUOTA_TYPE[change.of])
      return 0
    }
    case 'delQuota':
      if (change.of === 'dir') s.run('delDirQuota', inoToSql(change.id))
      else s.run('delOwnerQuota', change.id, QUOTA_TYPE[change.of])
      return 0
    case 'addQuotaUsage':
      if (change.of === 'dir') s.run('addDirQuota', change.space, change.inodes, inoToSql(change.id))
      else s.run('addOwnerQuota', change.space, change.inodes, change.id, QUOTA_TYPE[change.of])
      return 0
    case 'putCounter':
      s.run('putCounter', change.name, change.value)
      return 0
    case 'putSetting':
      s.run('putSetting', change.text)
      return 0
    default:
      return change satisfies never
  }
}

function touchNode(s: Statements, op: string, change: Extract<Change, { kind: 'touchNode' }>): number {
  const ino = inoToSql(change.ino)
  const time = change.time === undefined ? undefined : timeToSql(change.time.sec, change.time.nsec)
  const rows =
    time === undefined
      ? s.run('touchNode', change.nlink, ino)
      : s.run('touchNodeTimes', change.nlink, ...time, ...time, ino)
  if (rows === 0) throw fail(ENOENT, op, `node ${inoText(change.ino)} is gone`)
  return 0
}

/**
 * A slice without a reference row is not accounted: it stays so, and the reply is 1, so that nobody deletes
 * objects on the strength of a missing row. Source: R§8 (SQL: updates of an absent row do nothing).
 */
function addSliceRef(s: Statements, id: number, add: number): number {
  return (s.row('addSliceRef', add, id)?.[0] as number | undefined) ?? 1
}

/** One statement for both totals, which have their rows but for damage. */
function addUsage(s: Statements, space: number, inodes: number): void {
  if (s.run('addUsage', space, inodes) === 2) return
  s.run('addUsage', -space, -inodes)
  s.run('makeCounter', 'usedSpace', 0)
  s.run('makeCounter', 'totalInodes', 0)
  s.run('addUsage', space, inodes)
}

/** Returns the new value. `initial` counts when there is no row yet. */
export function addCounter(s: Statements, name: string, add: number, initial: number): number {
  return s.row('addCounter', name, initial, add, add)![0] as number
}

function nodeToSql(ino: SqlInteger, node: NodeRecord): SqlInteger[] {
  return [
    ino,
    node.type,
    node.flags,
    node.mode,
    node.uid,
    node.gid,
    ...timeToSql(node.atime, node.atimeNsec),
    ...timeToSql(node.mtime, node.mtimeNsec),
    ...timeToSql(node.ctime, node.ctimeNsec),
    node.nlink,
    node.length,
    node.rdev,
    inoToSql(node.parent),
    node.accessAcl,
    node.defaultAcl,
    node.tier,
  ]
}
