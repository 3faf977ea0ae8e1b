/**
 * Read what was not read yet, to know what it contains: from the caches where a block is, else from the bucket, within a
 * bandwidth. It can be ended at any time and goes on where it was. What comes from the bucket passes the caches by. Digests
 * are made one at a time and with rests between them: looking for duplicates must not make a mount slower.
 */
import { hash } from 'node:crypto'
import { forEachParallel } from '#core/admin/pages.ts'
import { BackendError } from '#core/base/errno.ts'
import { pass } from '#core/base/gate.ts'
import { Semaphore } from '#core/base/semaphore.ts'
import type { BlockPlace, BlockStore } from '#core/chunk/api.ts'
import type { Meta } from '#core/meta/api.ts'
import { decodeSlices } from '#core/meta/slices.ts'
import { withLimit } from '#core/object/with-limit.ts'
import type { ContentProgress } from './answers.ts'
import type { ContentFile } from './content-file.ts'
import type { ClientBlocks, IndexedVolume } from './parts.ts'
import type { ScanOptions } from './scan.ts'
import { readStoredBlock } from './stored-block.ts'

const AT_A_TIME = 4

export interface ContentScan extends Pick<ScanOptions, 'signal' | 'pace'> {
  readonly onProgress?: (progress: ContentProgress) => void
  /** Only what is cached here: no request to the bucket. */
  readonly cachedOnly?: boolean
  /** Mbit/s; 0 or unset: the volume's own limit alone. */
  readonly downloadLimit?: number
}

export interface ContentParts extends IndexedVolume {
  readonly content: ContentFile
  readonly blocks: ClientBlocks & Pick<BlockStore, 'read'>
  readonly shareSlice: Meta['shareSlice']
}

/** Errors: those of the store but for blocks that are missing or damaged; the signal's reason. */
export async function scanContent(parts: ContentParts, scan: ContentScan = {}): Promise<ContentProgress> {
  const { index, content, clock } = parts
  const { signal, onProgress, downloadLimit } = scan
  const store = withLimit(parts.store, { downloadLimit, clock })
  const sum = { slices: 0, known: 0, fetched: 0, fromCache: 0, failed: 0 }
  const work = new Work(scan)
  await forEachParallel(index.file.slices(), AT_A_TIME, async ([part]) => {
    signal?.throwIfAborted()
    const slice = { id: part!.slice, size: part!.size }
    if (!(await work.take(() => content.has(slice.id))))
      await readSlice({ ...parts, store }, slice, scan, work, sum)
    sum.slices++
    if (content.has(slice.id)) sum.known++
    onProgress?.(sum)
  })
  content.prune((slice) => index.file.parts(slice).length > 0)
  return sum
}

/** The part of the work that takes a processor: one piece at a time, with rests. */
class Work {
  readonly #scan: ContentScan
  readonly #turn = new Semaphore(1)

  constructor(scan: ContentScan) {
    this.#scan = scan
  }

  take<T>(piece: () => T): Promise<T> {
    return this.#turn.run(async () => {
      const done = piece()
      const { pace, signal } = this.#scan
      await (pace?.() ?? pass(signal))
      return done
    })
  }
}

type Sum = { -readonly [K in keyof ContentProgress]: number }

async function readSlice(
  parts: ContentParts,
  slice: { readonly id: number; readonly size: number },
  { signal, cachedOnly }: ContentScan,
  work: Work,
  sum: Sum,
): Promise<void> {
  const { geometry, content, blocks } = parts
  const places = await blocks.locate(slice, false)
  const count = geometry.count(slice.size)
  for (const [index, place] of places.entries()) {
    if (content.hasBlock(slice.id, index) || (cachedOnly && !isHere(place))) continue
    const size = geometry.size(slice.size, index)
    try {
      const name = { slice: slice.id, index, size }
      const bytes = isHere(place)
        ? await blocks.read(slice, index * geometry.blockSize, size, signal)
        : [await readStoredBlock(parts, name, signal)]
      await work.take(() => {
        const whole = bytes.length === 1 ? bytes[0]! : Buffer.concat(bytes)
        content.put(name, hash('sha256', whole, 'buffer'), count, slice.size)
      })
      sum[isHere(place) ? 'fromCache' : 'fetched'] += size
    } catch (error) {
      if (!isLoss(error)) throw error
      if (await isStillUsed(parts, slice.id)) sum.failed++
    }
  }
}

function isLoss(error: unknown): boolean {
  return error instanceof BackendError && (error.kind === 'not-found' || error.kind === 'corrupt')
}

/** Others may have replaced it since the index was made. */
async function isStillUsed({ index, engine }: ContentParts, slice: number): Promise<boolean> {
  const lists = await engine.read(
    index.file.parts(slice).map(({ ino, idx }) => ({ kind: 'chunk', ino, index: idx }) as const),
    'fresh',
  )
  return lists.some((list) => list !== null && decodeSlices(list).some(({ id }) => id === slice))
}

function isHere(place: BlockPlace): boolean {
  return place === 'memory' || place === 'disk' || place === 'staging'
}
