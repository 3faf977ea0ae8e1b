/** Changes as steps of the commit script: which Redis command each is. Source: meta-redis.md §4. */
import { inoText } from '#core/base/ino.ts'
import type { Change } from '#core/meta/engine.ts'
import { encodeDelayed, encodeEdge, encodeNode, encodePlocks } from '#core/meta/records-codec.ts'
import { SLICE_BYTES } from '#core/meta/slices.ts'
import { delayedField, deletedMember, type Layout, ownerField, sliceField } from './layout.ts'
import type { Program } from './program.ts'
import { givenOut } from './stored.ts'
import { encodeLimits, timeBytes } from './values.ts'

const KEEP_TIMES = ''
/** Elements of one push; the script hands them on as arguments, of which Lua takes some thousands. */
const MAX_PUSH = 1000

/** Add the change that is number `at` of the commit. @hot */
export function encodeChange(program: Program, layout: Layout, change: Change, at: number): void {
  switch (change.kind) {
    case 'putNode':
      program.putNode(change.ino, encodeNode(change.node))
      return
    case 'delNode':
      program.deleteNode(change.ino)
      return
    case 'touchNode': {
      const time = change.time === undefined ? KEEP_TIMES : timeBytes(change.time)
      program.touchNode(change.ino, { time, nlink: change.nlink })
      return
    }
    case 'putEdge':
      program.command('HSET', layout.entries(change.parent), change.name, encodeEdge(change.edge))
      return
    case 'delEdge':
      program.command('HDEL', layout.entries(change.parent), change.name)
      return
    case 'appendChunk':
      appendChunk(program, layout.chunk(change.ino, change.index), change.slices, at)
      return
    case 'replaceChunkPrefix': {
      const key = layout.chunk(change.ino, change.index)
      program.command('LTRIM', key, String(change.prefixBytes / SLICE_BYTES), '-1')
      const records = elements(change.slices).reverse()
      for (let k = 0; k < records.length; k += MAX_PUSH)
        program.command('LPUSH', key, ...records.slice(k, k + MAX_PUSH))
      return
    }
    case 'delChunk':
      program.delete(layout.chunk(change.ino, change.index))
      return
    case 'newSliceRef':
      return // one user needs no record
    case 'addSliceRef':
      program.commandWithReply(
        at,
        'HINCRBY',
        layout.sliceRefs,
        sliceField(change.id, change.size),
        String(change.add),
      )
      return
    case 'delSliceRef':
      program.command('HDEL', layout.sliceRefs, sliceField(change.id, change.size))
      return
    case 'addParent':
      program.command('HINCRBY', layout.parents(change.ino), inoText(change.parent), String(change.add))
      return
    case 'delParents':
      program.delete(layout.parents(change.ino))
      return
    case 'putSymlink':
      program.command('SET', layout.symlink(change.ino), change.target)
      return
    case 'delSymlink':
      program.delete(layout.symlink(change.ino))
      return
    case 'putXattr':
      program.command('HSET', layout.xattrs(change.ino), change.name, change.value)
      return
    case 'delXattr':
      program.command('HDEL', layout.xattrs(change.ino), change.name)
      return
    case 'delXattrs':
      program.delete(layout.xattrs(change.ino))
      return
    case 'addUsage':
      if (change.space !== 0) program.command('INCRBY', layout.usedSpace, String(change.space))
      if (change.inodes !== 0) program.command('INCRBY', layout.totalInodes, String(change.inodes))
      return
    case 'putDirStat': {
      const field = inoText(change.ino)
      program.command('HSET', layout.dirStats.space, field, String(change.stat.space))
      program.command('HSET', layout.dirStats.inodes, field, String(change.stat.inodes))
      program.command('HSET', layout.dirStats.length, field, String(change.stat.length))
      return
    }
    case 'delDirStat': {
      const { space, inodes, length } = layout.dirStats
      for (const key of [space, inodes, length]) program.command('HDEL', key, inoText(change.ino))
      return
    }
    case 'addDirStat': {
      const { inodes, space, length } = layout.dirStats
      const counts = [String(change.inodes), String(change.space), String(change.length)]
      program.step('S', 0, [inodes, space, length], inoText(change.ino), ...counts)
      program.replyAt.push(at)
      return
    }
    default:
      encodeRareChange(program, layout, change)
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
function encodeRareChange(program: Program, layout: Layout, change: RareChange): void {
  switch (change.kind) {
    case 'putFlock': {
      const { sid, owner, type } = change.lock
      putLock(program, layout, layout.flocks(change.ino), sid, owner, Buffer.from(type))
      return
    }
    case 'putPlock': {
      const { sid, owner, ranges } = change.lock
      putLock(program, layout, layout.plocks(change.ino), sid, owner, encodePlocks(ranges))
      return
    }
    case 'delFlock':
      delLock(program, layout, layout.flocks(change.ino), change.sid, change.owner)
      return
    case 'delPlock':
      delLock(program, layout, layout.plocks(change.ino), change.sid, change.owner)
      return
    case 'putSession': {
      const { sid, expire, info } = change.session
      program.command('ZADD', layout.allSessions, String(expire), String(sid))
      if (info !== '') program.command('HSET', layout.sessionInfos, String(sid), Buffer.from(info))
      return
    }
    case 'delSession': {
      const { sessionInfos, allSessions, legacySessions } = layout
      const keys = [sessionInfos, allSessions]
      if (legacySessions !== undefined) keys.push(legacySessions)
      program.step('V', keys.length - 2, keys, String(change.sid))
      return
    }
    case 'delSessionLocks':
      program.step('W', 0, [layout.locked(change.sid)], `${change.sid}_`)
      return
    case 'putSustained':
      program.command('SADD', layout.sustained(change.sid), inoText(change.ino))
      return
    case 'delSustained':
      program.command('SREM', layout.sustained(change.sid), inoText(change.ino))
      return
    case 'putDeletedFile': {
      const { ino, length, deleted } = change.file
      program.command('ZADD', layout.deletedFiles, String(deleted), deletedMember(ino, length))
      return
    }
    case 'delDeletedFile':
      program.command('ZREM', layout.deletedFiles, deletedMember(change.ino, change.length))
      return
    case 'putDelayedSlices': {
      const { newId, deleted, slices } = change.record
      program.command('HSET', layout.delayedSlices, delayedField(newId, deleted), encodeDelayed(slices))
      return
    }
    case 'delDelayedSlices':
      program.command('HDEL', layout.delayedSlices, delayedField(change.newId, change.deleted))
      return
    case 'putDetached':
      program.command('ZADD', layout.detached, String(change.added), inoText(change.ino))
      return
    case 'delDetached':
      program.command('ZREM', layout.detached, inoText(change.ino))
      return
    case 'putQuota': {
      const { limits, space, inodes } = layout.quotas[change.of]
      const { maxSpace, maxInodes, usedSpace, usedInodes } = change.quota
      const field = inoText(change.id)
      program.command('HSET', limits, field, encodeLimits(maxSpace, maxInodes))
      program.command('HSET', space, field, String(usedSpace))
      program.command('HSET', inodes, field, String(usedInodes))
      return
    }
    case 'delQuota': {
      const { limits, space, inodes } = layout.quotas[change.of]
      for (const key of [limits, space, inodes]) program.command('HDEL', key, inoText(change.id))
      return
    }
    case 'addQuotaUsage': {
      const { limits, space, inodes } = layout.quotas[change.of]
      const made = change.of === 'dir' ? 0 : 1
      const usage = [String(change.inodes), String(change.space)]
      program.step('Q', made, [inodes, space, limits], inoText(change.id), ...usage)
      return
    }
    case 'putCounter': {
      const value = change.value - givenOut(change.name)
      program.command('SET', layout.counter(change.name), String(value))
      return
    }
    case 'putSetting':
      program.command('SET', layout.setting, Buffer.from(change.text))
      return
    default:
      change satisfies never
  }
}

/** What a change's integer reply means to the caller. */
export function replyOf(change: Change, reply: number): number {
  return change.kind === 'addSliceRef' ? reply + 1 : reply
}

function appendChunk(program: Program, key: string, slices: Uint8Array, at: number): void {
  const records = elements(slices)
  const last = Math.floor((records.length - 1) / MAX_PUSH) * MAX_PUSH
  for (let k = 0; k < last; k += MAX_PUSH) program.command('RPUSH', key, ...records.slice(k, k + MAX_PUSH))
  program.commandWithReply(at, 'RPUSH', key, ...records.slice(last))
}

/** Redis keeps one record an element. */
function elements(slices: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = []
  for (let at = 0; at < slices.length; at += SLICE_BYTES) records.push(slices.subarray(at, at + SLICE_BYTES))
  return records
}

/** A session's locks are found by the keys in its list (§3.1, 8). */
function putLock(
  program: Program,
  layout: Layout,
  key: string,
  sid: number,
  owner: bigint,
  value: Uint8Array,
): void {
  program.command('HSET', key, ownerField(sid, owner), value)
  program.command('SADD', layout.locked(sid), key)
}

function delLock(program: Program, layout: Layout, key: string, sid: number, owner: bigint): void {
  program.step('U', 0, [key, layout.locked(sid)], ownerField(sid, owner))
}
