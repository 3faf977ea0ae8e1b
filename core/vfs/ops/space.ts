/** fallocate, copy_file_range and lseek. Source: shared/spec/fs-semantics.md §5.15, §5.16, §5.19. */
import type { OpContext } from '#core/base/context.ts'
import { EACCES, EBADF, EFBIG, EINVAL, ENOTSUP, ENXIO, EPERM, fail } from '#core/base/errno.ts'
import { CHUNK_SIZE, MAX_FILE_SIZE } from '#core/meta/records.ts'
import { fillHoles } from '#core/meta/slices.ts'
import { storedView } from '../file-reader.ts'
import type { OpenNode } from '../nodes.ts'
import { changeContent, type VfsState } from '../state.ts'

export const SEEK_DATA = 3
export const SEEK_HOLE = 4

export async function fallocate(
  state: VfsState,
  ctx: OpContext,
  fh: number,
  mode: number,
  offset: number,
  size: number,
): Promise<void> {
  if (offset < 0 || size <= 0) throw fail(EINVAL, 'fallocate')
  if (state.handles.get(fh)?.kind === 'virtual') throw fail(EPERM, 'fallocate')
  const handle = state.handles.file('fallocate', fh)
  if (offset + size >= MAX_FILE_SIZE) throw fail(EFBIG, 'fallocate')
  if (!handle.writable) throw fail(EBADF, 'fallocate')
  await changeContent(state, ctx, handle.ino, () => state.meta.fallocate(ctx, handle.ino, mode, offset, size))
}

/** Bytes copied: fewer than `size` only at the end of the source. No data move. */
export async function copyFileRange(
  state: VfsState,
  ctx: OpContext,
  from: { readonly fh: number; readonly offset: number },
  to: { readonly fh: number; readonly offset: number },
  size: number,
  flags: number,
): Promise<number> {
  if (state.handles.get(from.fh)?.kind === 'virtual') throw fail(ENOTSUP, 'copy_file_range')
  if (state.handles.get(to.fh)?.kind === 'virtual') throw fail(EPERM, 'copy_file_range')
  const source = state.handles.file('copy_file_range', from.fh)
  const target = state.handles.file('copy_file_range', to.fh)
  if (!source.readable) throw fail(EBADF, 'copy_file_range')
  if (!target.writable) throw fail(EACCES, 'copy_file_range')
  if (Math.max(from.offset, to.offset) + size >= MAX_FILE_SIZE) throw fail(EFBIG, 'copy_file_range')
  if (flags !== 0) throw fail(EINVAL, 'copy_file_range')
  const apart = Math.abs(from.offset - to.offset) >= size
  if (source.ino === target.ino && !apart) throw fail(EINVAL, 'copy_file_range', 'ranges overlap')
  let copied = 0
  if (source.ino !== target.ino) await source.node.writer?.flush(ctx, 0)
  await changeContent(state, ctx, target.ino, async () => {
    const done = await state.meta.copyFileRange(ctx, source.ino, from.offset, target.ino, to.offset, size)
    copied = done.copied
    return done.node
  })
  return copied
}

/** The next offset with data, or in a hole; the end of the file is a hole. ENXIO beyond it. */
export async function lseek(
  state: VfsState,
  _ctx: OpContext,
  fh: number,
  offset: number,
  whence: number,
): Promise<number> {
  const { node } = state.handles.file('lseek', fh)
  if (whence !== SEEK_DATA && whence !== SEEK_HOLE) throw fail(EINVAL, 'lseek')
  if (offset < 0 || offset >= node.length) throw fail(ENXIO, 'lseek')
  const wanted = whence === SEEK_DATA
  for (let at = offset; at < node.length; ) {
    const index = Math.floor(at / CHUNK_SIZE)
    const found = await findInChunk(node, index, at - index * CHUNK_SIZE, wanted)
    if (found < CHUNK_SIZE) {
      at = index * CHUNK_SIZE + found
      return wanted && at >= node.length ? nothing() : Math.min(at, node.length)
    }
    at = (wanted ? await nextChunkWithData(state, node, index + 1) : index + 1) * CHUNK_SIZE
  }
  return wanted ? nothing() : node.length
}

function nothing(): never {
  throw fail(ENXIO, 'lseek', 'no data up to the end')
}

/** Position in the chunk, from `from` on, of the first byte that is data (or not); CHUNK_SIZE when there is none. */
async function findInChunk(node: OpenNode, index: number, from: number, wanted: boolean): Promise<number> {
  const view = storedView(node, index) ?? (await node.views.load(index))
  const stored = Math.min(CHUNK_SIZE, Math.max(0, node.record.length - index * CHUNK_SIZE))
  const pending = node.writer?.overlay(index) ?? []
  const spans = [
    ...fillHoles(view.pieces, 0, stored).filter(({ id }) => id !== 0),
    ...pending.flatMap((slice) => slice.extents()),
  ].sort((a, b) => a.pos - b.pos)
  let at = from
  for (const { pos, len } of spans) {
    if (pos + len <= at) continue
    if (wanted) return Math.max(at, pos)
    if (pos > at) return at
    at = pos + len
  }
  return wanted ? CHUNK_SIZE : at
}

async function nextChunkWithData(state: VfsState, node: OpenNode, from: number): Promise<number> {
  const stored = await state.meta.nextChunk(node.ino, from)
  let next = stored ?? Number.POSITIVE_INFINITY
  for (const index of node.writer?.pendingChunks() ?? []) if (index >= from && index < next) next = index
  return next
}
