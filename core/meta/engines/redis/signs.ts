/**
 * Records as only one certain commit can have left them: a number that only this client was given, a change time of
 * ours to the nanosecond (resolve.ts).
 */
import type { Ino } from '#core/base/ino.ts'
import type { Change, Guard, RecordKey, RecordValue } from '#core/meta/engine.ts'
import type { NodeRecord } from '#core/meta/records.ts'
import { decodeSlices } from '#core/meta/slices.ts'
import { hasTime, isSame, isSameNode, putRecord, recordDiffers } from './witnesses.ts'

/** Signs looked at: one is proof. */
const MAX_SIGNS = 32

/** Records that show that the commit was applied. */
export interface Sign {
  readonly keys: readonly RecordKey[]
  /** It proves only that what was to be removed is gone. */
  readonly isRemoval?: boolean
  shows(value: RecordValue, another?: RecordValue): boolean
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
    const sign = signOf(change, changes, guards, freshNodes, freshSlices)
    if (sign !== undefined && (isRemoval || sign.isRemoval !== true)) signs.push(sign)
  }
  return signs
}

function signOf(
  change: Change,
  changes: readonly Change[],
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
      return { keys: [{ kind: 'node', ino }], shows: (value) => isNode(value) && hasTime(value, time) }
    }
    case 'putEdge': {
      const { parent, name, edge } = change
      if (!freshNodes.has(edge.ino)) return movedSign(change, changes, guards)
      const shows = (value: RecordValue): boolean => leadsTo(value, edge.ino)
      return { keys: [{ kind: 'edge', parent, name }], shows }
    }
    case 'appendChunk':
    case 'replaceChunkPrefix': {
      const { ino, index, slices } = change
      const ids = decodeSlices(slices).map(({ id }) => id)
      const own = new Set(ids.filter((id) => freshSlices.has(id)))
      if (own.size === 0) return undefined
      const shows = (value: RecordValue): boolean =>
        value instanceof Uint8Array && decodeSlices(value).some(({ id }) => own.has(id))
      return { keys: [{ kind: 'chunk', ino, index }], shows }
    }
    default:
      return recordSign(change, guards) ?? goneSign(change, guards)
  }
}

/** A name that now leads to what another name of the commit led to before, and no more. */
function movedSign(
  { parent, name, edge }: Change & { kind: 'putEdge' },
  changes: readonly Change[],
  guards: readonly Guard[],
): Sign | undefined {
  const left = changes.find((change) => change.kind === 'delEdge' && wasAt(change, edge.ino, guards))
  if (left?.kind !== 'delEdge') return undefined
  const keys = [
    { kind: 'edge', parent, name },
    { kind: 'edge', parent: left.parent, name: left.name },
  ] as const
  return { keys, shows: (to, from = null) => leadsTo(to, edge.ino) && !leadsTo(from, edge.ino) }
}

function wasAt(change: Change & { kind: 'delEdge' }, ino: Ino, guards: readonly Guard[]): boolean {
  return guards.some(
    (guard) =>
      guard.kind === 'edgeIs' &&
      guard.parent === change.parent &&
      guard.name === change.name &&
      guard.is?.ino === ino,
  )
}

function leadsTo(value: RecordValue, ino: Ino): boolean {
  return isObject(value) && 'ino' in value && value.ino === ino
}

/** A new number shows by itself; else the change time does, or, where that was kept, the whole record. */
function nodeSign(
  { ino, node, fresh }: Change & { kind: 'putNode' },
  guards: readonly Guard[],
): Sign | undefined {
  const keys = [{ kind: 'node', ino }] as const
  if (fresh === true) return { keys, shows: (value) => value !== null }
  const before = guards.find((guard) => guard.kind === 'nodeIs' && guard.ino === ino)
  if (before?.kind !== 'nodeIs') return undefined
  const keptTime = before.is !== null && sameChangeTime(before.is, node)
  if (keptTime && before.is !== null && isSameNode(before.is, node)) return undefined
  return {
    keys,
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
    return { keys: [guard.key], shows }
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
    return isGuarded ? { keys: [{ kind: 'node', ino }], shows: isAbsent, isRemoval: true } : undefined
  }
  if (change.kind === 'delChunk') {
    const { ino, index } = change
    return { keys: [{ kind: 'chunk', ino, index }], shows: isAbsent, isRemoval: true }
  }
  const guard = guards.find((one) => one.kind === 'recordIs' && recordDiffers(one.key, one.is, change))
  if (guard?.kind !== 'recordIs' || Array.isArray(guard.is)) return undefined
  return { keys: [guard.key], shows: isAbsent, isRemoval: true }
}

function isAbsent(value: RecordValue): boolean {
  return value === null
}

/** Nothing is made, moved or given new content. */
function onlyRemoves(changes: readonly Change[]): boolean {
  return changes.every(({ kind }) => /^(del|add|touch)/.test(kind) || kind === 'putDeletedFile')
}

function sameChangeTime(a: NodeRecord, b: NodeRecord): boolean {
  return a.ctime === b.ctime && a.ctimeNsec === b.ctimeNsec
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isNode(value: RecordValue): value is NodeRecord {
  return isObject(value) && 'ctimeNsec' in value
}
