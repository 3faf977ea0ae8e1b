/**
 * What became of a commit whose answer was lost with its connection. It is never blindly repeated: a slice appended
 * twice, a counter added to twice or a link made twice would be damage.
 *
 * By the time this runs nothing of the old connection can be executed any more (`settle`). Then:
 *
 * 1. Most commits exclude themselves: applying one makes at least one of its own guards fail (the name it creates must
 *    be absent, the node it rewrites must be as read). These guards are its *witnesses*; a node of a new number that no
 *    guard speaks of is given one, "is absent". Guards are evaluated in one step, without changing anything.
 *    All witnesses hold: it was not applied, nothing of it is there. It is sent again, with its witnesses, so that even
 *    an execution that came late after all would be refused; what that says is the commit's answer.
 * 2. A witness fails: it was applied, or another client changed that record. Applied, it has left *signs* that nobody
 *    else could have: an inode or slice number that only this client was given, a lock of this session, a change time
 *    of ours to the nanosecond. A commit is all or nothing, so one sign proves all of it.
 *    Of a commit that only removes, it is sign enough that what it removes is gone: numbers are not given out again, so
 *    it is gone for good, as the caller wanted, whoever was faster.
 * 3. No sign: others changed the records since, or before. Whether it was applied cannot be told, and saying either
 *    would be a guess: the caller gets `unavailable` (EIO).
 *
 * A commit without witnesses is repeated if doing so changes nothing (it only puts or removes), else it is case 3.
 * Of an applied commit the replies are not known. They are made up so that nothing is lost: a slice has a user left (what
 * has none is found by the hourly sweep), a directory's statistics want to be counted again.
 */
import { isDeepStrictEqual } from 'node:util'
import { BackendError } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Change, CommitResult, Guard, RecordKey, RecordValue, RecordValues } from '#core/meta/engine.ts'
import type { NodeRecord } from '#core/meta/records.ts'
import { encodeNode } from '#core/meta/records-codec.ts'
import { decodeSlices } from '#core/meta/slices.ts'
import { LostAnswer } from './errors.ts'

/** Connections that may break while one commit is resolved. */
const MAX_LOSSES = 10
/** Signs looked at: one is proof. */
const MAX_SIGNS = 32

/** The engine's own ways, without the resolving. `commit` rejects LostAnswer. */
export interface Resolver {
  readonly address: string
  settle(): Promise<void>
  commit(op: string, guards: readonly Guard[], changes: readonly Change[]): Promise<CommitResult>
  read<const Keys extends readonly RecordKey[]>(keys: Keys): Promise<RecordValues<Keys>>
}

/** The result of a commit whose answer was lost. Rejects `unavailable` when it cannot be told. */
export async function resolveCommit(
  by: Resolver,
  op: string,
  guards: readonly Guard[],
  changes: readonly Change[],
): Promise<CommitResult> {
  const added = absentBefore(guards, changes)
  const all = [...guards, ...added]
  const witnesses = new Set([...all.keys()].filter((at) => excludes(all[at]!, changes)))
  if (witnesses.size === 0 && !isRepeatable(changes)) throw unclear(by, op)
  for (let losses = 0; losses < MAX_LOSSES; losses++) {
    await by.settle()
    try {
      if (witnesses.size > 0) {
        const now = await by.commit(op, all, [])
        if (!now.ok && now.failed.some(({ guard }) => witnesses.has(guard))) {
          if (await hasLeftSigns(by, all, changes)) return { ok: true, replies: changes.map(safeReply) }
          throw unclear(by, op)
        }
      }
      const again = await by.commit(op, all, changes)
      if (again.ok) return again
      // One of `added` would be a record of a number that was never given out.
      return { ok: false, failed: again.failed.filter(({ guard }) => guard < guards.length) }
    } catch (error) {
      if (!(error instanceof LostAnswer)) throw error
    }
  }
  throw new BackendError('unavailable', `${by.address}: connections kept breaking while ${op} was under way`)
}

function unclear(by: Resolver, op: string): BackendError {
  return new BackendError(
    'unavailable',
    `${by.address}: the connection was lost during ${op}, and whether it was done cannot be told, as others have changed the same records; look before trying again`,
  )
}

/** Guards for new nodes that no guard speaks of: their numbers are ours, so before the commit they are absent. */
function absentBefore(guards: readonly Guard[], changes: readonly Change[]): Guard[] {
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

function recordDiffers(key: RecordKey, is: RecordValue, change: Change): boolean {
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
function putRecord(key: RecordKey, change: Change): unknown {
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

/** A record that shows that the commit was applied. */
interface Sign {
  readonly key: RecordKey
  /** It proves only that what was to be removed is gone. */
  readonly isRemoval?: boolean
  shows(value: RecordValue): boolean
}

async function hasLeftSigns(
  by: Resolver,
  guards: readonly Guard[],
  changes: readonly Change[],
): Promise<boolean> {
  const signs = signsOf(guards, changes)
  const values = await by.read(signs.map(({ key }) => key))
  return signs.some(({ shows }, at) => shows(values[at]!))
}

/** What only this commit can have left, as far as it can be read by key. */
export function signsOf(guards: readonly Guard[], changes: readonly Change[]): Sign[] {
  const freshNodes = new Set<Ino>()
  const freshSlices = new Set<number>()
  for (const change of changes) {
    if (change.kind === 'putNode' && change.fresh === true) freshNodes.add(change.ino)
    if (change.kind === 'newSliceRef' && change.id > 0) freshSlices.add(change.id)
  }
  const isRemoval = onlyRemoves(changes)
  const signs: Sign[] = []
  for (const change of changes) {
    if (signs.length >= MAX_SIGNS) break
    const sign = signOf(change, guards, freshNodes, freshSlices)
    if (sign !== undefined && (isRemoval || sign.isRemoval !== true)) signs.push(sign)
  }
  return signs
}

function signOf(
  change: Change,
  guards: readonly Guard[],
  freshNodes: ReadonlySet<Ino>,
  freshSlices: ReadonlySet<number>,
): Sign | undefined {
  switch (change.kind) {
    case 'putNode':
      return nodeSign(change, guards)
    case 'touchNode': {
      const { ino, time } = change
      if (time === undefined) return undefined
      return { key: { kind: 'node', ino }, shows: (value) => isNode(value) && hasTime(value, time) }
    }
    case 'putEdge': {
      const { parent, name, edge } = change
      if (!freshNodes.has(edge.ino)) return undefined
      const shows = (value: RecordValue): boolean =>
        isObject(value) && 'ino' in value && value.ino === edge.ino
      return { key: { kind: 'edge', parent, name }, shows }
    }
    case 'appendChunk':
    case 'replaceChunkPrefix': {
      const { ino, index, slices } = change
      const ids = decodeSlices(slices).map(({ id }) => id)
      const own = new Set(ids.filter((id) => freshSlices.has(id)))
      if (own.size === 0) return undefined
      const shows = (value: RecordValue): boolean =>
        value instanceof Uint8Array && decodeSlices(value).some(({ id }) => own.has(id))
      return { key: { kind: 'chunk', ino, index }, shows }
    }
    default:
      return recordSign(change, guards) ?? goneSign(change, guards)
  }
}

/** A new number shows by itself; else the change time does, or, where that was kept, the whole record. */
function nodeSign(
  { ino, node, fresh }: Change & { kind: 'putNode' },
  guards: readonly Guard[],
): Sign | undefined {
  const key = { kind: 'node', ino } as const
  if (fresh === true) return { key, shows: (value) => value !== null }
  const before = guards.find((guard) => guard.kind === 'nodeIs' && guard.ino === ino)
  if (before?.kind !== 'nodeIs') return undefined
  const keptTime = before.is !== null && sameChangeTime(before.is, node)
  if (keptTime && before.is !== null && isSameNode(before.is, node)) return undefined
  return {
    key,
    shows: (value) => isNode(value) && (keptTime ? isSameNode(value, node) : sameChangeTime(value, node)),
  }
}

/** A guarded record that holds what the commit puts into it, and did not before. */
function recordSign(change: Change, guards: readonly Guard[]): Sign | undefined {
  for (const guard of guards) {
    if (guard.kind !== 'recordIs' || !recordDiffers(guard.key, guard.is, change)) continue
    const put = putRecord(guard.key, change)
    if (put === undefined) continue
    const shows = (value: RecordValue): boolean =>
      isSame(value, put) || (Array.isArray(value) && value.some((item) => isSame(item, put)))
    return { key: guard.key, shows }
  }
  return undefined
}

/** In a commit that only removes: that a guarded record of ours to remove is not there. */
function goneSign(change: Change, guards: readonly Guard[]): Sign | undefined {
  if (change.kind === 'delNode') {
    const { ino } = change
    const isGuarded = guards.some(
      (guard) => guard.kind === 'nodeIs' && guard.ino === ino && guard.is !== null,
    )
    return isGuarded ? { key: { kind: 'node', ino }, shows: isAbsent, isRemoval: true } : undefined
  }
  if (change.kind === 'delChunk') {
    const { ino, index } = change
    return { key: { kind: 'chunk', ino, index }, shows: isAbsent, isRemoval: true }
  }
  const guard = guards.find((one) => one.kind === 'recordIs' && recordDiffers(one.key, one.is, change))
  if (guard?.kind !== 'recordIs' || Array.isArray(guard.is)) return undefined
  return { key: guard.key, shows: isAbsent, isRemoval: true }
}

function isAbsent(value: RecordValue): boolean {
  return value === null
}

/** Nothing is made, moved or given new content. */
function onlyRemoves(changes: readonly Change[]): boolean {
  return changes.every(({ kind }) => /^(del|add|touch)/.test(kind) || kind === 'putDeletedFile')
}

/** Doing it twice is doing it once. */
function isRepeatable(changes: readonly Change[]): boolean {
  return changes.every(({ kind }) => /^(put|del)/.test(kind))
}

function safeReply(change: Change): number {
  return change.kind === 'addSliceRef' ? 1 : 0
}

function isSame(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  return isDeepStrictEqual(a, b)
}

function isSameNode(a: NodeRecord, b: NodeRecord): boolean {
  return encodeNode(a).equals(encodeNode(b))
}

function sameChangeTime(a: NodeRecord, b: NodeRecord): boolean {
  return a.ctime === b.ctime && a.ctimeNsec === b.ctimeNsec
}

function hasTime(node: NodeRecord, { sec, nsec }: { readonly sec: number; readonly nsec: number }): boolean {
  return node.mtime === sec && node.mtimeNsec === nsec && node.ctime === sec && node.ctimeNsec === nsec
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isNode(value: RecordValue): value is NodeRecord {
  return isObject(value) && 'ctimeNsec' in value
}
