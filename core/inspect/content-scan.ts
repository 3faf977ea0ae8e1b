/**
 * Read what was not read yet, to know what it contains: from the caches where a block is, else from the bucket, within a
 * bandwidth. It can be ended at any time and goes on where it was. What comes from the bucket passes the caches by, and
 * digests are made on other threads: looking for duplicates must not make a mount slower.
 */
import { webcrypto } from 'node:crypto'
import { forEachParallel } from '#core/admin/pages.ts'
import type { Job } from '#core/admin/parts.ts'
import { BackendError } from '#core/base/errno.ts'
import type { BlockPlace } from '#core/chunk/api.ts'
import { decodeSlices } from '#core/meta/slices.ts'
import { withLimit } from '#core/object/with-limit.ts'
import type { ContentProgress } from './answers.ts'
import type { ContentFile } from './content-file.ts'
import type { InspectParts } from './parts.ts'
import { readStoredBlock } from './stored-block.ts'

const AT_A_TIME = 4

export interface ContentScan extends Job<ContentProgress> {
  /** Only what is cached here: no request to the bucket. */
  readonly cachedOnly?: boolean
  /** Mbit/s; 0 or unset: the volume's own limit alone. */
  readonly downloadLimit?: number
}

export interface ContentParts extends InspectParts {
  readonly content: ContentFile
}

/** Errors: those of the store but for blocks that are missing or damaged; the signal's reason. */
export async function scanContent(parts: ContentParts, scan: ContentScan = {}): Promise<ContentProgress> {
  const { index, content, clock } = parts
  const { signal, onProgress, downloadLimit } = scan
  const store = withLimit(parts.store, { downloadLimit, clock })
  const sum = { slices: 0, known: 0, fetched: 0, fromCache: 0, failed: 0 }
  await forEachParallel(index.file.slices(), AT_A_TIME, async ([part]) => {
    signal?.throwIfAborted()
    const slice = { id: part!.slice, size: part!.size }
    if (!content.has(slice.id)) {
      await readSlice({ ...parts, store }, slice, scan, sum)
    }
    sum.slices++
    if (content.has(slice.id)) sum.known++
    onProgress?.(sum)
  })
  content.prune((slice) => index.file.parts(slice).length > 0)
  return sum
}

type Sum = { -readonly [K in keyof ContentProgress]: number }

async function readSlice(
  parts: ContentParts,
  slice: { readonly id: number; readonly size: number },
  { signal, cachedOnly }: ContentScan,
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
        ? Buffer.concat(await blocks.read(slice, index * geometry.blockSize, size, signal))
        : await readStoredBlock(parts, name, signal)
      const digest = new Uint8Array(
        await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>),
      )
      content.put(name, digest, count, slice.size)
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
