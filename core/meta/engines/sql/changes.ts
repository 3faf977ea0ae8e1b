/** What a change does to the tables: statements, and which of their results is the change's reply. */
import { nameToBytes } from '#core/base/name.ts'
import type { Change } from '#core/meta/engine.ts'
import { encodeDelayed, encodePlocks } from '#core/meta/records-codec.ts'
import type { SqlValue } from './dialect.ts'
import { QUOTA_TYPE, type Query } from './read.ts'
import { inoToSql, nodeToSql, ownerToSql, timeToSql } from './rows.ts'
import type { StatementName } from './statements.ts'

/**
 * What the change answers with. `value`: the statement's first value, `otherwise` without a row. `changed`: how many
 * rows it changed. `needed`: 0, but without a row the operation fails, as the node is gone. Absent: 0.
 */
export type Reply =
  | { readonly from: 'value'; readonly otherwise: number }
  | { readonly from: 'changed' }
  | { readonly from: 'needed' }

export interface Step extends Query {
  readonly reply?: Reply
}

const NEEDED: Reply = { from: 'needed' }
const CHANGED: Reply = { from: 'changed' }
const VALUE: Reply = { from: 'value', otherwise: 0 }
/**
 * A slice without a reference row is not accounted: it stays so, and the reply is 1, so that nobody deletes
 * objects on the strength of a missing row. Source: R§8 (SQL: updates of an absent row do nothing).
 */
const USES: Reply = { from: 'value', otherwise: 1 }

const NONE: readonly Step[] = []

/** The statements of one change, at most one of them with a reply. Volume totals are each engine's own. @hot */
export function stepsOf(
  change: Exclude<Change, { kind: 'addUsage' }>,
  legacySessions: boolean,
): readonly Step[] {
  switch (change.kind) {
    case 'putNode':
      return one('putNode', inoToSql(change.ino), ...nodeToSql(change.node))
    case 'touchNode':
      return touchNode(change)
    case 'delNode':
    case 'delSymlink':
    case 'delXattrs':
    case 'delDirStat':
    case 'delDetached':
      return one(change.kind, inoToSql(change.ino))
    case 'putEdge':
      return one(
        'putEdge',
        inoToSql(change.parent),
        nameToBytes(change.name),
        inoToSql(change.edge.ino),
        change.edge.type,
      )
    case 'delEdge':
      return one('delEdge', inoToSql(change.parent), nameToBytes(change.name))
    case 'appendChunk':
      return replying(VALUE, 'appendChunk', inoToSql(change.ino), change.index, change.slices)
    case 'replaceChunkPrefix':
      return one('replaceChunkPrefix', change.slices, change.prefixBytes, inoToSql(change.ino), change.index)
    case 'delChunk':
      return one('delChunk', inoToSql(change.ino), change.index)
    case 'newSliceRef':
      return one('newSliceRef', change.id, change.size)
    case 'addSliceRef':
      return replying(USES, 'addSliceRef', change.add, change.id)
    case 'delSliceRef':
      return one('delSliceRef', change.id)
    case 'addParent':
    case 'delParents':
      return NONE // derived from the edges
    case 'putSymlink':
      return one('putSymlink', inoToSql(change.ino), change.target)
    case 'putXattr':
      return one('putXattr', inoToSql(change.ino), nameToBytes(change.name), change.value)
    case 'delXattr':
      return one('delXattr', inoToSql(change.ino), nameToBytes(change.name))
    case 'putDirStat': {
      const { length, space, inodes } = change.stat
      return one('putDirStat', inoToSql(change.ino), length, space, inodes)
    }
    case 'addDirStat':
      return replying(CHANGED, 'addDirStat', change.length, change.space, change.inodes, inoToSql(change.ino))
    default:
      return rareSteps(change, legacySessions)
  }
}

type RareChange = Extract<
  Change,
  {
    kind:
      | `${'put' | 'del'}${'Flock' | 'Plock' | 'Session' | 'Sustained' | 'DeletedFile' | 'DelayedSlices' | 'Quota'}`
      | 'delSessionLocks'
      | 'putDetached'
      | 'addQuotaUsage'
      | 'putCounter'
      | 'putSetting'
  }
>

/** Locks, sessions, deferred deletions, quotas, counters and the setting. */
function rareSteps(change: RareChange, legacySessions: boolean): readonly Step[] {
  switch (change.kind) {
    case 'putFlock': {
      const { sid, owner, type } = change.lock
      return one('putFlock', inoToSql(change.ino), sid, ownerToSql(owner), type.charCodeAt(0))
    }
    case 'putPlock': {
      const { sid, owner, ranges } = change.lock
      return one('putPlock', inoToSql(change.ino), sid, ownerToSql(owner), encodePlocks(ranges))
    }
    case 'delFlock':
    case 'delPlock':
      return one(change.kind, inoToSql(change.ino), change.sid, ownerToSql(change.owner))
    case 'putSession': {
      const { sid, expire, info } = change.session
      return one('putSession', sid, expire, Buffer.from(info))
    }
    case 'delSession':
      return legacySessions
        ? [...one('delSession', change.sid), ...one('delLegacySession', change.sid)]
        : one('delSession', change.sid)
    case 'delSessionLocks':
      return [...one('delSessionFlocks', change.sid), ...one('delSessionPlocks', change.sid)]
    case 'putSustained':
    case 'delSustained':
      return one(change.kind, change.sid, inoToSql(change.ino))
    case 'putDeletedFile':
      return one('putDeletedFile', inoToSql(change.file.ino), change.file.length, change.file.deleted)
    case 'delDeletedFile':
      return one('delDeletedFile', inoToSql(change.ino))
    case 'putDelayedSlices': {
      const { newId, deleted, slices } = change.record
      return one('putDelayedSlices', newId, deleted, encodeDelayed(slices))
    }
    case 'delDelayedSlices':
      return one('delDelayedSlices', change.newId, change.deleted)
    case 'putDetached':
      return one('putDetached', inoToSql(change.ino), change.added)
    case 'putQuota': {
      const { maxSpace, maxInodes, usedSpace, usedInodes } = change.quota
      return change.of === 'dir'
        ? one('putDirQuota', inoToSql(change.id), maxSpace, maxInodes, usedSpace, usedInodes)
        : one('putOwnerQuota', change.id, maxSpace, maxInodes, usedSpace, usedInodes, QUOTA_TYPE[change.of])
    }
    case 'delQuota':
      return change.of === 'dir'
        ? one('delDirQuota', inoToSql(change.id))
        : one('delOwnerQuota', change.id, QUOTA_TYPE[change.of])
    case 'addQuotaUsage':
      return change.of === 'dir'
        ? one('addDirQuota', change.space, change.inodes, inoToSql(change.id))
        : one('addOwnerQuota', change.space, change.inodes, change.id, QUOTA_TYPE[change.of])
    case 'putCounter':
      return one('putCounter', change.name, change.value)
    case 'putSetting':
      return one('putSetting', change.text)
    default:
      return change satisfies never
  }
}

function touchNode(change: Extract<Change, { kind: 'touchNode' }>): readonly Step[] {
  const ino = inoToSql(change.ino)
  if (change.time === undefined) return replying(NEEDED, 'touchNode', change.nlink, ino)
  const time = timeToSql(change.time.sec, change.time.nsec)
  return replying(NEEDED, 'touchNodeTimes', change.nlink, ...time, ...time, ino)
}

function one(statement: StatementName, ...params: readonly SqlValue[]): readonly Step[] {
  return [{ statement, params }]
}

function replying(reply: Reply, statement: StatementName, ...params: readonly SqlValue[]): readonly Step[] {
  return [{ statement, params, reply }]
}

/** Counters of ids before their first allocation hold the next one to be given out; others count from 0. */
const FIRST: Readonly<Record<string, number>> = { nextInode: 2, nextChunk: 1 }

export const FIRST_COUNTERS: readonly (readonly [string, number])[] = [
  ['nextInode', 2],
  ['nextChunk', 1],
  ['nextSession', 0],
  ['usedSpace', 0],
  ['totalInodes', 0],
  ['nextCleanupSlices', 0],
]

/** Parameters of `addCounter`. */
export function counterParams(counter: string, add: number): readonly SqlValue[] {
  return [counter, FIRST[counter] ?? 0, add, add]
}

/** The first number given out by an `addCounter` of `add` that left `value`. */
export function firstGiven(counter: string, value: number, add: number): number {
  return FIRST[counter] === undefined ? value - add + 1 : value - add
}
