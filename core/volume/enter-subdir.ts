import { rootContext } from '#core/base/context.ts'
import { ENOTDIR, fail } from '#core/base/errno.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import { nameFromText } from '#core/base/name.ts'
import { TYPE_DIRECTORY } from '#core/meta/records.ts'
import type { MetaState } from '#core/meta/state.ts'
import type { VolumeMeta } from '#core/meta/volume-meta.ts'

/**
 * Make the directory at `path` the root that callers see. Missing ones are made, mode 0777, unless the client is
 * read-only. Symlinks are not followed. Source: vfs-and-fuse.md §8.1.
 */
export async function enterSubdir(state: MetaState, meta: VolumeMeta, path: string): Promise<void> {
  const ctx = rootContext()
  let ino: Ino = ROOT_INO
  for (const part of nameFromText(path).split('/')) {
    if (part === '' || part === '.') continue
    const found =
      (await meta.lookup(ctx, ino, part)) ??
      (await meta.mknod(ctx, ino, part, { type: TYPE_DIRECTORY, mode: 0o777 }))
    if (found.node.type !== TYPE_DIRECTORY) throw fail(ENOTDIR, 'subdir', path)
    ino = found.ino
  }
  state.rootIno = ino
}
