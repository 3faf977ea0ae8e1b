/** Zeros written over a range of a file without data. Source: meta-records.md §7.3; data-path.md §10. */
import type { Ino } from '#core/base/ino.ts'
import { CHUNK_SIZE } from '../records.ts'
import { encodeSlices, hole } from '../slices.ts'
import type { MetaState } from '../state.ts'
import type { Tx } from '../tx.ts'

const PAGE = 1000

/**
 * Append zero records over [from, to): to the first and the last chunk always, to those between only where there
 * is one. The node's guard keeps other writers out until the commit.
 */
export async function appendHoles(
  state: MetaState,
  tx: Tx,
  ino: Ino,
  from: number,
  to: number,
): Promise<void> {
  if (from >= to) return
  const first = Math.floor(from / CHUNK_SIZE)
  const last = Math.floor(to / CHUNK_SIZE)
  const append = (index: number, pos: number, end: number) =>
    tx.change({ kind: 'appendChunk', ino, index, slices: encodeSlices([hole(pos, end - pos)]) })
  append(first, from - first * CHUNK_SIZE, Math.min(to - first * CHUNK_SIZE, CHUNK_SIZE))
  if (last === first) return
  if (last > first + 1) {
    for await (const index of chunksBetween(state, ino, first + 1, last)) append(index, 0, CHUNK_SIZE)
  }
  if (to % CHUNK_SIZE > 0) append(last, 0, to % CHUNK_SIZE)
}

async function* chunksBetween(state: MetaState, ino: Ino, from: number, to: number): AsyncGenerator<number> {
  let after: string | undefined
  do {
    const page = await state.engine.list({ kind: 'chunks', ino, from, to }, { after, limit: PAGE })
    for (const { index } of page.items) yield index
    after = page.next
  } while (after !== undefined)
}
