/** Directories being listed. Source: shared/spec/fs-semantics.md §5.12. */
import type { OpContext } from '#core/base/context.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import { O_ACCMODE } from '#core/base/open-flags.ts'
import { DirStream, type ExtraEntry } from '../dir-stream.ts'
import { DirHandle } from '../handles.ts'
import type { VfsState } from '../state.ts'

export async function opendir(state: VfsState, ctx: OpContext, ino: Ino, flags: number): Promise<number> {
  if (ctx.checkPermission) await state.meta.access(ctx, ino, (flags & O_ACCMODE) === 0 ? 4 : 6)
  const extra = ino === ROOT_INO && state.options.listVirtual ? await virtualEntries(state, ctx) : []
  return state.handles.add((fh) => new DirHandle(fh, ino, new DirStream(state.meta, ino, extra))).fh
}

async function virtualEntries(state: VfsState, ctx: OpContext): Promise<readonly ExtraEntry[]> {
  const trash = await state.meta.lookup(ctx, ROOT_INO, '.trash')
  return [...state.virtual.listed(), ...(trash === undefined ? [] : [{ ...trash, name: '.trash' }])]
}

/** Whatever was committed through this client survives a power cut; what files still buffer is not waited for. */
export async function fsyncdir(state: VfsState, fh: number): Promise<void> {
  const { ino } = state.handles.dir('fsyncdir', fh)
  await state.unsynced.sync(ino)
  await state.meta.sync()
}
