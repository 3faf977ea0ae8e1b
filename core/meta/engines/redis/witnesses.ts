/**
 * Guards that a commit's own changes make fail: while they hold, it has not been applied (resolve.ts).
 */
import { isDeepStrictEqual } from 'node:util'
import type { Ino } from '#core/base/ino.ts'
import type { Change, Guard, RecordKey, RecordValue } from '#core/meta/engine.ts'
import type { NodeRecord } from '#core/meta/records.ts'
import { encodeNode } from '#core/meta/records-codec.ts'

/** Guards for new nodes that no guard speaks of: their numbers are ours, so before the commit they are absent. */
export function absentBefore(guards: readonly Guard[], changes: readonly Change[]): Guard[] {
  const added: Guard[] = []
  for (const change of changes) {
    if (change.kind !== 'putNode' || change.fresh !== true) continue
    if (guards.some((guard) => guard.kind === 'nodeIs' && guard.ino === change.ino)) continue
    added.push({ kind: 'nodeIs', ino: change.ino, is: null })
  }
  return added
}

/** Whether the guard surely fails once `changes` are applied. */
export function excludes(guard: Guard, changes: readonly Change[]): boolean {
  switch (guard.kind) {
    case 'nodeIs':
      return changes.reduce((differs, change) => nodeDiffers(guard.ino, guard.is, change, differs), false)
    case 'nodeLike':
      return changes.some((change) => change.kind === 'delNode' && change.ino === guard.ino)
    case 'edgeIs':
      return changes.reduce((differs, change) => edgeDiffers(guard, change, differs), false)
    case 'chunkIs':
    case 'chunkStartsWith':
      return changes.some((change) => chunkDiffers(guard, change))
    case 'recordIs':
      return changes.some((change) => recordDiffers(guard.key, guard.is, change))
    case 'emptyDir':
      return changes.some((change) => change.kind === 'putEdge' && change.parent === guard.ino)
    default:
      return guard satisfies never
  }
}

/** Each of these: whether the record is another after this change, when `before` it was or was not already. */
function nodeDiffers(ino: Ino, is: NodeRecord | null, change: Change, before: boolean): boolean {
  switch (change.kind) {
    case 'putNode':
      return change.ino === ino ? is === null || !isSameNode(is, change.node) : before
    case 'delNode':
      return change.ino === ino ? is !== null : before
    case 'touchNode': {
      if (change.ino !== ino) return before
      const { time, nlink } = change
      return before || nlink !== 0 || (time !== undefined && is !== null && !hasTime(is, time))
    }
    default:
      return before
  }
}

function edgeDiffers(guard: Guard & { kind: 'edgeIs' }, change: Change, before: boolean): boolean {
  if (change.kind !== 'putEdge' && change.kind !== 'delEdge') return before
  if (change.parent !== guard.parent || change.name !== guard.name) return before
  if (change.kind === 'delEdge') return guard.is !== null
  return guard.is === null || guard.is.ino !== change.edge.ino || guard.is.type !== change.edge.type
}

function chunkDiffers(guard: Guard & { kind: 'chunkIs' | 'chunkStartsWith' }, change: Change): boolean {
  if (!('index' in change) || change.ino !== guard.ino || change.index !== guard.index) return false
  if (guard.kind === 'chunkIs')
    return change.kind === 'delChunk' ? guard.is !== null : change.kind !== 'replaceChunkPrefix'
  if (change.kind === 'delChunk') return guard.prefix.length > 0
  if (change.kind !== 'replaceChunkPrefix' || change.slices.length === 0) return false
  const length = Math.min(change.slices.length, guard.prefix.length)
  return Buffer.compare(change.slices.subarray(0, length), guard.prefix.subarray(0, length)) !== 0
}

export function recordDiffers(key: RecordKey, is: RecordValue, change: Change): boolean {
  const put = putRecord(key, change)
  if (put !== undefined)
    return !isSame(put, is) && !(Array.isArray(is) && is.some((item) => isSame(item, put)))
  switch (change.kind) {
    case 'delXattr':
      return key.kind === 'xattr' && key.ino === change.ino && key.name === change.name && is !== null
    case 'delQuota':
      return key.kind === 'quota' && key.of === change.of && key.id === change.id && is !== null
    case 'delSession':
      return key.kind === 'session' && key.sid === change.sid && is !== null
    case 'delSessionLocks':
      return false
    case 'delDelayedSlices': {
      if (key.kind !== 'delayedSlices') return false
      return key.newId === change.newId && key.deleted === change.deleted && is !== null
    }
    case 'delFlock':
    case 'delPlock': {
      if (key.kind !== (change.kind === 'delFlock' ? 'flocks' : 'plocks') || key.ino !== change.ino)
        return false
      return Array.isArray(is) && is.some((lock) => lock.sid === change.sid && lock.owner === change.owner)
    }
    default:
      return false
  }
}

/** What the change puts into the record of that key (of locks: into the list), if it does. */
export function putRecord(key: RecordKey, change: Change): unknown {
  switch (change.kind) {
    case 'putXattr':
      return key.kind === 'xattr' && key.ino === change.ino && key.name === change.name
        ? change.value
        : undefined
    case 'putFlock':
      return key.kind === 'flocks' && key.ino === change.ino ? change.lock : undefined
    case 'putPlock':
      return key.kind === 'plocks' && key.ino === change.ino ? change.lock : undefined
    case 'putSession':
      return key.kind === 'session' && key.sid === change.session.sid ? change.session : undefined
    case 'putQuota':
      return key.kind === 'quota' && key.of === change.of && key.id === change.id ? change.quota : undefined
    case 'putCounter':
      return key.kind === 'counter' && key.name === change.name ? change.value : undefined
    case 'putSetting':
      return key.kind === 'setting' ? change.text : undefined
    default:
      return undefined
  }
}

export function isSame(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  return isDeepStrictEqual(a, b)
}

export function isSameNode(a: NodeRecord, b: NodeRecord): boolean {
  return encodeNode(a).equals(encodeNode(b))
}

export function hasTime(
  node: NodeRecord,
  { sec, nsec }: { readonly sec: number; readonly nsec: number },
): boolean {
  return node.mtime === sec && node.mtimeNsec === nsec && node.ctime === sec && node.ctimeNsec === nsec
}
