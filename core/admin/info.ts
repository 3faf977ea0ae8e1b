/** Where the data of a path are. Source: shared/spec/admin-tools.md §5.2, vfs-and-fuse.md §6.3. */
import { rootContext } from '#core/base/context.ts'
import { type Ino, inoText } from '#core/base/ino.ts'
import type { TreeSummary } from '#core/meta/api.ts'
import { CHUNK_SIZE, TYPE_FILE } from '#core/meta/records.ts'
import { buildView, decodeSlices } from '#core/meta/slices.ts'
import { pages } from './pages.ts'
import type { AdminParts, Job } from './parts.ts'

export interface InfoOptions {
  /** Count the whole tree, not only the directory and its entries. */
  readonly recursive?: boolean
  /** Go over the entries instead of the stored statistics. */
  readonly strict?: boolean
  /** Slices instead of objects. */
  readonly raw?: boolean
}

export interface PathInfo {
  /** Decimal: trash inodes are beyond a JS number. */
  readonly inode: string
  readonly summary: TreeSummary
  readonly paths: readonly string[]
  readonly objects?: readonly ObjectInfo[]
  readonly chunks?: readonly SliceInfo[]
  readonly flocks: readonly { readonly sid: number; readonly owner: string; readonly type: string }[]
  readonly plocks: readonly {
    readonly sid: number
    readonly owner: string
    readonly type: string
    readonly pid: number
    readonly start: string
    readonly end: string
  }[]
}

export interface ObjectInfo {
  readonly chunk: number
  /** Empty for a hole. */
  readonly key: string
  /** Of the object. */
  readonly size: number
  /** In the object. */
  readonly offset: number
  readonly length: number
  /** In the file. */
  readonly position: number
}

export interface SliceInfo {
  readonly chunk: number
  readonly slice: number
  readonly size: number
  readonly offset: number
  readonly length: number
}

/** Rows kept of one file; larger files show the rest of their data as fewer rows would not help either. */
const MOST_ROWS = 100_000

export async function pathInfo(
  parts: AdminParts,
  ino: Ino,
  options: InfoOptions,
  job: Job<TreeSummary>,
): Promise<PathInfo> {
  const ctx = rootContext(job.signal)
  const node = await parts.meta.getattr(ctx, ino)
  const { recursive = false, strict = false } = options
  const [summary, paths, [flocks, plocks]] = await Promise.all([
    parts.meta.summary(ctx, ino, { recursive, strict }),
    parts.meta.paths(ino),
    parts.engine.read([
      { kind: 'flocks', ino },
      { kind: 'plocks', ino },
    ]),
  ])
  const data = node.type === TYPE_FILE ? await dataOf(parts, ino, options.raw === true, job.signal) : {}
  return {
    inode: inoText(ino),
    summary,
    paths,
    ...data,
    flocks: (flocks ?? []).map(({ sid, owner, type }) => ({ sid, owner: String(owner), type })),
    plocks: (plocks ?? []).flatMap(({ sid, owner, ranges }) =>
      ranges.map(({ type, pid, start, end }) => ({
        sid,
        owner: String(owner),
        type,
        pid,
        start: String(start),
        end: String(end),
      })),
    ),
  }
}

async function dataOf(
  { engine, geometry }: AdminParts,
  ino: Ino,
  raw: boolean,
  signal: AbortSignal | undefined,
) {
  const objects: ObjectInfo[] = []
  const chunks: SliceInfo[] = []
  for await (const { index, slices } of pages(engine, { kind: 'chunks', ino }, signal)) {
    if (objects.length + chunks.length > MOST_ROWS) break
    const records = decodeSlices(slices)
    if (raw) {
      for (const { id, size, off, len } of records)
        chunks.push({ chunk: index, slice: id, size, offset: off, length: len })
      continue
    }
    for (const piece of buildView(records)) {
      if (piece.id === 0) {
        objects.push({
          chunk: index,
          key: '',
          size: 0,
          offset: 0,
          length: piece.len,
          position: index * CHUNK_SIZE + piece.pos,
        })
        continue
      }
      const last = Math.floor((piece.off + piece.len - 1) / geometry.blockSize)
      for (let block = Math.floor(piece.off / geometry.blockSize); block <= last; block++) {
        const size = geometry.size(piece.size, block)
        const start = Math.max(piece.off, block * geometry.blockSize)
        const end = Math.min(piece.off + piece.len, block * geometry.blockSize + size)
        objects.push({
          chunk: index,
          key: geometry.key(piece.id, block, size),
          size,
          offset: start - block * geometry.blockSize,
          length: end - start,
          position: index * CHUNK_SIZE + piece.pos + start - piece.off,
        })
      }
    }
  }
  return raw ? { chunks } : { objects }
}
