/** What of which files a client has cached, by the index. */
import { type Ino, inoText } from '#core/base/ino.ts'
import { joinSpans, sizeOfSpans } from '#core/base/spans.ts'
import { CHUNK_SIZE, TYPE_DIRECTORY } from '#core/meta/records.ts'
import { decodeSlices } from '#core/meta/slices.ts'
import type { CachedFile, CachedFolder, CachedView } from './answers.ts'
import { partsOf } from './chunk-parts.ts'
import { FileViews } from './file-views.ts'
import type { IndexedPart, IndexFile } from './index-file.ts'
import { InodeStates } from './inode-states.ts'
import { shownIn } from './object-answer.ts'
import type { IndexedVolume } from './parts.ts'
import type { ScanOptions } from './scan.ts'

/** Files that are told apart; of more, only the sums are right. */
const MOST_FILES = 200_000
const PROGRESS_EVERY = 10_000
/** From hot to cold. */
const USED_WITHIN_MS = [3_600_000, 86_400_000, 7 * 86_400_000, null]

interface Sum {
  cached: number
  staged: number
  kept: number
  idleMs: number | null
}

/** `limit` files after the first `from`, and the first `limit` folders. */
export async function cachedView(
  volume: IndexedVolume,
  { from, limit }: { readonly from: number; readonly limit: number },
  { signal, onProgress }: ScanOptions,
): Promise<CachedView> {
  await volume.index.refresh({ signal })
  const files = new Map<Ino, Sum>()
  const unused = { count: 0, bytes: 0 }
  const lastUse = USED_WITHIN_MS.map((withinMs) => ({ withinMs, count: 0, bytes: 0 }))
  let [blocks, bytes] = [0, 0]
  for await (const block of volume.blocks.held()) {
    signal?.throwIfAborted()
    blocks++
    bytes += block.size
    const { idleMs } = block
    const use = lastUse.find(({ withinMs }) => withinMs === null || (idleMs !== null && idleMs < withinMs))!
    use.count++
    use.bytes += block.size
    if (blocks % PROGRESS_EVERY === 0) onProgress?.({ step: 'files', done: blocks })
    const from = block.index * volume.geometry.blockSize
    const shown = shownByFile(volume, volume.index.file.parts(block.slice), from, from + block.size)
    if (shown.size === 0) {
      unused.count++
      unused.bytes += block.size
    }
    for (const [ino, size] of shown) {
      const sum = files.get(ino) ?? { cached: 0, staged: 0, kept: 0, idleMs: null }
      if (files.size >= MOST_FILES && !files.has(ino)) continue
      files.set(ino, sum)
      sum.cached += size
      if (block.place === 'staging') sum.staged += size
      if (block.kept) sum.kept += size
      if (idleMs !== null) sum.idleMs = Math.min(sum.idleMs ?? idleMs, idleMs)
    }
  }
  const most = [...files]
    .sort(([inoA, a], [inoB, b]) => b.cached - a.cached || inoA - inoB)
    .slice(from, from + limit)
  const views = new FileViews(volume)
  const shown: CachedFile[] = []
  for (const [ino, { cached, staged, kept, idleMs }] of most) {
    signal?.throwIfAborted()
    const { view: file } = await views.of(ino)
    const all = shownBytes(volume.index.file, ino, file.length)
    shown.push({
      file,
      cachedBytes: cached,
      share: all === 0 ? 0 : Math.min(1, cached / all),
      stagedBytes: staged,
      keptBytes: kept,
      idleMs,
    })
  }
  return {
    blocks,
    bytes,
    unused,
    lastUse,
    files: shown,
    more: Math.max(0, files.size - from - shown.length),
    folders: await folders(volume, views, files, limit),
  }
}

/** Bytes of [from, to) of a slice that each file shows. */
function shownByFile(
  { index }: IndexedVolume,
  parts: readonly IndexedPart[],
  from: number,
  to: number,
): ReadonlyMap<Ino, number> {
  const shown = new Map<Ino, number>()
  for (const { ino } of parts) {
    if (shown.has(ino)) continue
    const length = index.file.node(ino)?.length ?? null
    const spans = parts.filter((part) => part.ino === ino).flatMap((part) => shownIn(part, from, to, length))
    const size = sizeOfSpans(joinSpans(spans))
    if (size > 0) shown.set(ino, size)
  }
  return shown
}

/** Bytes of a file that are not holes. */
function shownBytes(file: IndexFile, ino: Ino, length: number | null): number {
  let size = 0
  for (const idx of file.chunksOf(ino)) {
    const records = file.chunk(ino, idx)
    if (records === undefined) continue
    for (const part of partsOf(decodeSlices(records))) {
      const indexed = { ...part, slice: part.id, ino, idx }
      size += sizeOfSpans(shownIn(indexed, 0, CHUNK_SIZE, length))
    }
  }
  return size
}

async function folders(
  { index }: IndexedVolume,
  views: FileViews,
  files: ReadonlyMap<Ino, Sum>,
  limit: number,
): Promise<readonly CachedFolder[]> {
  const states = new InodeStates(index.file)
  const sums = new Map<Ino, { files: number; bytes: number }>()
  for (const [ino, { cached }] of files) {
    for (const dir of states.above(ino)) {
      const sum = sums.get(dir) ?? { files: 0, bytes: 0 }
      sums.set(dir, { files: sum.files + 1, bytes: sum.bytes + cached })
    }
  }
  const most = [...sums].sort(([, a], [, b]) => b.bytes - a.bytes).slice(0, limit)
  const found: CachedFolder[] = []
  for (const [ino, sum] of most) {
    const { view, node } = await views.of(ino)
    if (node?.type !== TYPE_DIRECTORY || view.paths[0] === undefined) continue
    found.push({ path: view.paths[0], inode: inoText(ino), files: sum.files, cachedBytes: sum.bytes })
  }
  return found
}
