/** Changes over a draft: what has to be read for one, what it writes, and its reply. */
import { ENOENT, fail } from '#core/base/errno.ts'
import { inoText } from '#core/base/ino.ts'
import type { Change } from '#core/meta/engine.ts'
import type { NodeRecord } from '#core/meta/records.ts'
import { encodeAclRule, encodeDelayed, encodeEdge } from '#core/meta/records-codec.ts'
import { SLICE_BYTES } from '#core/meta/slices.ts'
import { storedNode } from '#core/meta/stored-node.ts'
import { NO_LIMITS } from '../usage-sums.ts'
import type { Draft, Needs } from './draft.ts'
import type { Layout } from './layout.ts'
import type { Key, KeyRange } from './ordered-store.ts'
import { counterFrom, decodeNodeValue, isGate, usesFrom } from './stored.ts'
import {
  decodeCount,
  decodeDirStat,
  decodeFlocks,
  decodePlockList,
  decodeQuota,
  encodeCount,
  encodeDirStat,
  encodeFlocks,
  encodePlockList,
  encodeQuota,
  encodeTime,
  PLACEHOLDER,
} from './values.ts'

/** The range that the change removes as it was read; undefined for others. */
export function removedRange(layout: Layout, change: Change): KeyRange | undefined {
  if (change.kind === 'delXattrs') return layout.xattrs(change.ino)
  return change.kind === 'delParents' ? layout.parents(change.ino) : undefined
}

/** Relative changes rest on what is there. */
export function changeNeeds(layout: Layout, change: Change, needs: Needs): void {
  const range = removedRange(layout, change)
  if (range !== undefined) needs.range(range)
  else if (change.kind === 'delSessionLocks') {
    needs.range(layout.allFlocks)
    needs.range(layout.allPlocks)
  } else for (const key of readKeys(layout, change)) needs.keys.add(key)
}

function readKeys(layout: Layout, change: Change): readonly Key[] {
  switch (change.kind) {
    case 'touchNode':
      return [layout.node(change.ino)]
    case 'appendChunk':
    case 'replaceChunkPrefix':
      return [layout.chunk(change.ino, change.index)]
    case 'addSliceRef':
      return [layout.sliceRef(change.id, change.size)]
    case 'addParent':
      return [layout.parent(change.ino, change.parent)]
    case 'putFlock':
    case 'delFlock':
      return [layout.flocks(change.ino)]
    case 'putPlock':
    case 'delPlock':
      return [layout.plocks(change.ino)]
    case 'addDirStat':
      return [layout.dirStat(change.ino)]
    case 'addQuotaUsage':
      return [layout.quota(change.of, change.id)]
    case 'addUsage':
      return [layout.counter('usedSpace'), layout.counter('totalInodes')]
    default:
      return []
  }
}

/** Write the change into the draft. Returns its reply. Throws FsError: ENOENT for a touched node that is gone. */
export function applyChange(layout: Layout, op: string, change: Change, draft: Draft): number {
  switch (change.kind) {
    case 'putNode':
      draft.set(layout.node(change.ino), storedNode(change.node))
      return 0
    case 'delNode':
      draft.delete(layout.node(change.ino))
      return 0
    case 'touchNode':
      touchNode(layout, op, change, draft)
      return 0
    case 'putEdge':
      draft.set(layout.edge(change.parent, change.name), encodeEdge(change.edge))
      return 0
    case 'delEdge':
      draft.delete(layout.edge(change.parent, change.name))
      return 0
    case 'appendChunk':
      return replacePrefix(layout.chunk(change.ino, change.index), 0, change.slices, draft, true)
    case 'replaceChunkPrefix':
      replacePrefix(layout.chunk(change.ino, change.index), change.prefixBytes, change.slices, draft, false)
      return 0
    case 'delChunk':
      draft.delete(layout.chunk(change.ino, change.index))
      return 0
    case 'newSliceRef':
      return 0 // one user needs no record
    case 'addSliceRef': {
      const key = layout.sliceRef(change.id, change.size)
      const value = draft.value(key)
      const stored = (value === null ? 0 : decodeCount(value, 'a slice reference')) + change.add
      const packed = encodeCount(stored)
      draft.set(key, packed)
      return usesFrom(packed)
    }
    case 'delSliceRef':
      draft.delete(layout.sliceRef(change.id, change.size))
      return 0
    case 'addParent': {
      const key = layout.parent(change.ino, change.parent)
      const value = draft.value(key)
      const links = (value === null ? 0 : decodeCount(value, 'a number of links')) + change.add
      if (links > 0) draft.set(key, encodeCount(links))
      else draft.delete(key)
      return 0
    }
    case 'delParents':
    case 'delXattrs':
      for (const { key } of draft.pairs(removedRange(layout, change)!)) draft.delete(key)
      return 0
    case 'putSymlink':
      draft.set(layout.symlink(change.ino), change.target)
      return 0
    case 'delSymlink':
      draft.delete(layout.symlink(change.ino))
      return 0
    case 'putXattr':
      draft.set(layout.xattr(change.ino, change.name), change.value)
      return 0
    case 'delXattr':
      draft.delete(layout.xattr(change.ino, change.name))
      return 0
    case 'putDirStat':
      draft.set(layout.dirStat(change.ino), encodeDirStat(change.stat))
      return 0
    case 'delDirStat':
      draft.delete(layout.dirStat(change.ino))
      return 0
    case 'addDirStat': {
      const key = layout.dirStat(change.ino)
      const value = draft.value(key)
      draft.guard(key)
      if (value === null) return 0
      const { length, space, inodes } = decodeDirStat(value)
      const sum = {
        length: length + change.length,
        space: space + change.space,
        inodes: inodes + change.inodes,
      }
      draft.set(key, encodeDirStat(sum))
      return 1
    }
    default:
      applyRareChange(layout, change, draft)
      return 0
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
      | 'putDirStat'
      | 'delDirStat'
      | 'addDirStat'
  }
>

/** Locks, sessions, deferred deletions, quotas, counters and the setting. */
function applyRareChange(layout: Layout, change: RareChange, draft: Draft): void {
  switch (change.kind) {
    case 'putFlock':
    case 'delFlock': {
      const { sid, owner } = change.kind === 'putFlock' ? change.lock : change
      const others = flocksAt(draft.value(layout.flocks(change.ino))).filter(
        (lock) => !owns(lock, sid, owner),
      )
      const locks = change.kind === 'putFlock' ? [...others, change.lock] : others
      setList(draft, layout.flocks(change.ino), encodeFlocks(locks))
      return
    }
    case 'putPlock':
    case 'delPlock': {
      const { sid, owner } = change.kind === 'putPlock' ? change.lock : change
      const others = plocksAt(draft.value(layout.plocks(change.ino))).filter(
        (lock) => !owns(lock, sid, owner),
      )
      const locks = change.kind === 'putPlock' ? [...others, change.lock] : others
      setList(draft, layout.plocks(change.ino), encodePlockList(locks))
      return
    }
    case 'delSessionLocks':
      for (const { key, value } of draft.pairs(layout.allFlocks)) {
        const locks = decodeFlocks(value)
        const others = locks.filter(({ sid }) => sid !== change.sid)
        if (others.length < locks.length) setList(draft, key, encodeFlocks(others))
      }
      for (const { key, value } of draft.pairs(layout.allPlocks)) {
        const locks = decodePlockList(value)
        const others = locks.filter(({ sid }) => sid !== change.sid)
        if (others.length < locks.length) setList(draft, key, encodePlockList(others))
      }
      return
    case 'putSession': {
      const { sid, expire, info } = change.session
      draft.set(layout.sessionExpiry(sid), encodeTime(expire))
      if (info !== '') draft.set(layout.sessionInfo(sid), Buffer.from(info))
      return
    }
    case 'delSession':
      draft.delete(layout.sessionExpiry(change.sid))
      draft.delete(layout.sessionInfo(change.sid))
      draft.delete(layout.sessionHeartbeat(change.sid))
      return
    case 'putSustained':
      draft.set(layout.sustained(change.sid, change.ino), PLACEHOLDER)
      return
    case 'delSustained':
      draft.delete(layout.sustained(change.sid, change.ino))
      return
    case 'putDeletedFile': {
      const { ino, length, deleted } = change.file
      draft.set(layout.deletedFile(ino, length), encodeTime(deleted))
      return
    }
    case 'delDeletedFile':
      draft.delete(layout.deletedFile(change.ino, change.length))
      return
    case 'putDelayedSlices': {
      const { newId, deleted, slices } = change.record
      setList(draft, layout.delayed(deleted, newId), encodeDelayed(slices))
      return
    }
    case 'delDelayedSlices':
      draft.delete(layout.delayed(change.deleted, change.newId))
      return
    case 'putDetached':
      draft.set(layout.detached(change.ino), encodeTime(change.added))
      return
    case 'delDetached':
      draft.delete(layout.detached(change.ino))
      return
    case 'putQuota':
      draft.set(layout.quota(change.of, change.id), encodeQuota(change.quota))
      return
    case 'delQuota':
      draft.delete(layout.quota(change.of, change.id))
      return
    case 'addQuotaUsage': {
      const key = layout.quota(change.of, change.id)
      const value = draft.value(key)
      if (value === null && change.of === 'dir') return
      const quota = value === null ? NO_LIMITS : decodeQuota(value)
      const usedSpace = quota.usedSpace + change.space
      draft.set(key, encodeQuota({ ...quota, usedSpace, usedInodes: quota.usedInodes + change.inodes }))
      return
    }
    case 'addUsage':
      addTo(layout, draft, 'usedSpace', change.space)
      addTo(layout, draft, 'totalInodes', change.inodes)
      return
    case 'putCounter':
      setCounter(layout, draft, change.name, change.value)
      return
    case 'putSetting':
      draft.set(layout.setting, Buffer.from(change.text))
      return
    default:
      change satisfies never
  }
}

/** As `allocate` and `claim` leave a counter. */
export function setCounter(layout: Layout, draft: Draft, name: string, value: number): void {
  draft.set(layout.counter(name), isGate(name) ? encodeTime(value) : encodeCount(value))
}

function addTo(layout: Layout, draft: Draft, name: string, add: number): void {
  if (add === 0) return
  setCounter(layout, draft, name, counterFrom(name, draft.value(layout.counter(name)))! + add)
}

/** A rule under a new number. */
export function putAcl(
  layout: Layout,
  draft: Draft,
  id: number,
  rule: Parameters<typeof encodeAclRule>[0],
): void {
  draft.set(layout.acl(id), encodeAclRule(rule))
  draft.set(layout.lastAcl, encodeCount(id))
}

function touchNode(
  layout: Layout,
  op: string,
  change: Extract<Change, { kind: 'touchNode' }>,
  draft: Draft,
): void {
  const key = layout.node(change.ino)
  const value = draft.value(key)
  if (value === null) throw fail(ENOENT, op, `node ${inoText(change.ino)} is gone`)
  draft.set(key, storedNode(touched(decodeNodeValue(value), change)))
}

function touched(node: NodeRecord, { nlink, time }: Extract<Change, { kind: 'touchNode' }>): NodeRecord {
  const links = Math.max(0, node.nlink + nlink)
  if (time === undefined) return { ...node, nlink: links }
  const { sec, nsec } = time
  return { ...node, nlink: links, mtime: sec, mtimeNsec: nsec, ctime: sec, ctimeNsec: nsec }
}

/** Returns how many records the chunk has then. */
function replacePrefix(
  key: Key,
  prefixBytes: number,
  slices: Uint8Array,
  draft: Draft,
  append: boolean,
): number {
  const list = draft.value(key) ?? new Uint8Array()
  const parts = append ? [list, slices] : [slices, list.subarray(prefixBytes)]
  const whole = Buffer.concat(parts)
  setList(draft, key, whole)
  return whole.length / SLICE_BYTES
}

/** An empty list is no record. */
function setList(draft: Draft, key: Key, bytes: Uint8Array): void {
  if (bytes.length === 0) draft.delete(key)
  else draft.set(key, bytes)
}

function flocksAt(value: Uint8Array | null) {
  return value === null ? [] : decodeFlocks(value)
}

function plocksAt(value: Uint8Array | null) {
  return value === null ? [] : decodePlockList(value)
}

function owns(lock: { readonly sid: number; readonly owner: bigint }, sid: number, owner: bigint): boolean {
  return lock.sid === sid && lock.owner === owner
}
