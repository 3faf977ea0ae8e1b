/** How the stored bytes of an object fall to the files that use its slice. */
import type { Ino } from '#core/base/ino.ts'
import { clipSpans, joinSpans, type Span, sizeOfSpans } from '#core/base/spans.ts'
import { CHUNK_SIZE } from '#core/meta/records.ts'
import type { IndexedPart } from './index-file.ts'
import type { IndexedState } from './inode-states.ts'

/** What weighs more comes first: bytes that files of several states show are of the first. */
const BY_WEIGHT: readonly IndexedState[] = ['live', 'trash', 'gone', 'loose']

/** Bytes of one object of a class, and the inode they are put down to. */
export interface Share {
  readonly state: IndexedState | 'shadowed'
  readonly ino: Ino
  readonly bytes: number
}

interface Layer {
  readonly state: IndexedState
  /** Each inode in that state with what it shows of the slice, lowest first. */
  readonly files: readonly { readonly ino: Ino; readonly shown: readonly Span[] }[]
}

/** `lengthOf`: bytes of a file; Infinity without a node. */
export function layersOf(
  parts: readonly IndexedPart[],
  stateOf: (ino: Ino) => IndexedState,
  lengthOf: (ino: Ino) => number,
): readonly Layer[] {
  const layers = new Map<IndexedState, Map<Ino, Span[]>>()
  for (const { ino, idx, off, pos, shown } of parts) {
    const state = stateOf(ino)
    const files = layers.get(state) ?? new Map<Ino, Span[]>()
    layers.set(state, files)
    const spans = files.get(ino) ?? []
    files.set(ino, spans)
    spans.push(...clipSpans(shown, 0, lengthOf(ino) - idx * CHUNK_SIZE - pos + off))
  }
  return BY_WEIGHT.filter((state) => layers.has(state)).map((state) => ({
    state,
    files: [...layers.get(state)!]
      .map(([ino, shown]) => ({ ino, shown: joinSpans(shown) }))
      .sort((a, b) => a.ino - b.ino),
  }))
}

/**
 * The shares of bytes [from, to) of a slice, stored as `stored` bytes: they add up to `stored`, in proportion to the bytes
 * of the block. What nobody shows is shadowed when a live file names the slice, else of the state of those that do.
 */
export function sharesOf(
  layers: readonly Layer[],
  from: number,
  to: number,
  stored: number,
): readonly Share[] {
  const shares: Share[] = []
  let covered: readonly Span[] = []
  let given = 0
  const give = (state: Share['state'], ino: Ino, until: number) => {
    // Each share ends at a rounded place, so that no byte is lost between two.
    const end = Math.floor((stored * until) / (to - from))
    if (end > given) shares.push({ state, ino, bytes: end - given })
    given = end
  }
  for (const { state, files } of layers) {
    const inside = joinSpans(files.flatMap(({ shown }) => clipSpans(shown, from, to)))
    const all = joinSpans([...covered, ...inside])
    const size = sizeOfSpans(all)
    if (size > sizeOfSpans(covered)) {
      const owner = files.find(({ shown }) => clipSpans(shown, from, to).length > 0)!
      give(state, owner.ino, size)
    }
    covered = all
  }
  const [first] = layers
  if (first !== undefined)
    give(first.state === 'live' ? 'shadowed' : first.state, first.files[0]!.ino, to - from)
  return shares
}
