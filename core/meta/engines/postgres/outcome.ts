/**
 * What became of a commit whose answer was lost with its connection. Nothing is sent twice on a guess: either it is
 * known not to have happened, or known to have, or the operation fails.
 *
 * A transaction of statements has a number that the server can be asked about. A function call has none; it is judged
 * by what is there once the server process that ran it is gone.
 */
import type { Change, FailedGuard, Guard, MetaEngine, RecordKey, RecordValue } from '#core/meta/engine.ts'
import type { Edge, NodeRecord } from '#core/meta/records.ts'
import { sameNode } from '#core/meta/same-node.ts'
import { keyText } from '#core/meta/tx.ts'
import { guardedKey, sameValue } from '../sql/guards.ts'

export type Verdict = 'applied' | 'nothing' | 'unknown'

type Read = (keys: readonly RecordKey[]) => Promise<readonly RecordValue[]>

/** A trace that a change leaves: a record, and whether it looks as the change leaves it. */
interface Trace {
  readonly key: RecordKey
  readonly shows: (value: RecordValue) => boolean
  /** Nobody else makes this record: without it the commit did not happen. */
  readonly own: boolean
}

/** `failed`: the guards that do not hold now, when nobody works on the commit any more. */
export async function judge(
  guards: readonly Guard[],
  changes: readonly Change[],
  failed: readonly FailedGuard[],
  read: Read,
): Promise<Verdict> {
  const traces = changes.flatMap((change, at) => traceOf(change, changes.slice(at + 1)) ?? [])
  const values = await read(traces.map(({ key }) => key))
  const shown = traces.map(({ shows }, k) => shows(values[k]!))
  if (traces.some(({ own }, k) => own && !shown[k])) return 'nothing'
  const written = new Set(traces.map(({ key }) => keyText(key)))
  const guarded = (guard: Guard): boolean => {
    const key = guardedKey(guard)
    return key !== undefined && written.has(keyText(key))
  }
  if (failed.length === 0) {
    // A commit that happened would have broken the guard of what it wrote.
    if (guards.some((guard) => guarded(guard) && !leavesSame(guard, changes))) return 'nothing'
    return changes.every(isRepeatable) ? 'nothing' : 'unknown'
  }
  const brokeIt = failed.some(({ guard }) => guarded(guards[guard]!))
  const owned = traces.some(({ own }) => own)
  return shown.every(Boolean) && traces.length > 0 && (brokeIt || owned) ? 'applied' : 'unknown'
}

/** Doing it once more changes nothing. */
function isRepeatable(change: Change): boolean {
  switch (change.kind) {
    case 'touchNode':
      return change.nlink === 0
    case 'appendChunk':
    case 'replaceChunkPrefix':
    case 'newSliceRef':
    case 'addSliceRef':
    case 'addDirStat':
      return false
    default:
      return true
  }
}

/** The guarded record is written with the very value it has. */
function leavesSame(guard: Guard, changes: readonly Change[]): boolean {
  if (guard.kind !== 'nodeIs') return false
  const put = changes.find((change) => change.kind === 'putNode' && change.ino === guard.ino)
  return put?.kind === 'putNode' && sameNode(put.node, guard.is)
}

function traceOf(change: Change, later: readonly Change[]): Trace | undefined {
  const trace = (key: RecordKey, shows: (value: RecordValue) => boolean, own = false): Trace | undefined =>
    later.some((other) => writes(other, key)) ? undefined : { key, shows, own }
  switch (change.kind) {
    case 'putNode':
      return trace(
        { kind: 'node', ino: change.ino },
        (value) => sameNode(value as NodeRecord | null, change.node),
        change.fresh === true,
      )
    case 'delNode':
      return trace({ kind: 'node', ino: change.ino }, isAbsent)
    case 'putEdge':
      return trace({ kind: 'edge', parent: change.parent, name: change.name }, (value) => {
        const edge = value as Edge | null
        return edge?.ino === change.edge.ino && edge.type === change.edge.type
      })
    case 'delEdge':
      return trace({ kind: 'edge', parent: change.parent, name: change.name }, isAbsent)
    case 'appendChunk':
      return trace(
        { kind: 'chunk', ino: change.ino, index: change.index },
        (value) => value !== null && Buffer.from(value as Uint8Array).includes(Buffer.from(change.slices)),
      )
    case 'replaceChunkPrefix':
      return trace(
        { kind: 'chunk', ino: change.ino, index: change.index },
        (value) =>
          value !== null && Buffer.from(value as Uint8Array).indexOf(Buffer.from(change.slices)) === 0,
      )
    case 'delChunk':
      return trace({ kind: 'chunk', ino: change.ino, index: change.index }, isAbsent)
    case 'newSliceRef':
      return trace({ kind: 'sliceRef', id: change.id, size: change.size }, (value) => value !== null, true)
    case 'putXattr':
      return trace({ kind: 'xattr', ino: change.ino, name: change.name }, (value) =>
        sameValue(value, change.value),
      )
    case 'delXattr':
      return trace({ kind: 'xattr', ino: change.ino, name: change.name }, isAbsent)
    case 'putSession':
      return trace({ kind: 'session', sid: change.session.sid }, (value) => sameValue(value, change.session))
    case 'putSetting':
      return trace({ kind: 'setting' }, (value) => value === change.text)
    default:
      return undefined
  }
}

function writes(change: Change, key: RecordKey): boolean {
  switch (change.kind) {
    case 'putNode':
    case 'delNode':
    case 'touchNode':
      return key.kind === 'node' && key.ino === change.ino
    case 'putEdge':
    case 'delEdge':
      return key.kind === 'edge' && key.parent === change.parent && key.name === change.name
    case 'putXattr':
    case 'delXattr':
      return key.kind === 'xattr' && key.ino === change.ino && key.name === change.name
    case 'delXattrs':
      return key.kind === 'xattr' && key.ino === change.ino
    case 'replaceChunkPrefix':
    case 'delChunk':
      return key.kind === 'chunk' && key.ino === change.ino && key.index === change.index
    default:
      return false
  }
}

function isAbsent(value: RecordValue): boolean {
  return value === null
}

/** Replies of a commit that was applied and not heard of: what is there now. */
export async function readReplies(
  changes: readonly Change[],
  read: MetaEngine['read'],
): Promise<readonly number[]> {
  const asked = changes.flatMap((change, at) => {
    const key = replyKey(change)
    return key === undefined ? [] : [{ at, key }]
  })
  const values = await read(asked.map(({ key }) => key))
  const replies = new Array<number>(changes.length).fill(0)
  for (const [k, { at, key }] of asked.entries()) {
    const value = values[k]!
    if (key.kind === 'chunk') replies[at] = value === null ? 0 : (value as Uint8Array).length / 24
    else if (key.kind === 'sliceRef') replies[at] = value === null ? 1 : (value as { uses: number }).uses
    else replies[at] = value === null ? 0 : 1
  }
  return replies
}

function replyKey(change: Change): RecordKey | undefined {
  switch (change.kind) {
    case 'appendChunk':
      return { kind: 'chunk', ino: change.ino, index: change.index }
    case 'addSliceRef':
      return { kind: 'sliceRef', id: change.id, size: change.size }
    case 'addDirStat':
      return { kind: 'dirStat', ino: change.ino }
    default:
      return undefined
  }
}
