/** What can be saved of the cache: all of its files, read a page at a time. */
import type { CachedFile, CachedView } from '#core/api/inspect.ts'
import type { Table } from '../../components/table-file.ts'

/** Files of one request, each of which goes over all blocks that are here. */
export const CACHED_PAGE = 5000

/** `read`: files after the first `from`. What comes and goes meanwhile may be there twice, or not. */
export function cachedTable(
  name: string,
  read: (from: number, signal: AbortSignal) => Promise<CachedView>,
): Table<CachedFile> {
  return {
    name,
    columns: {
      file: ({ file }) => file.paths[0],
      inode: ({ file }) => file.inode,
      state: ({ file }) => file.state,
      length: ({ file }) => file.length,
      cached: ({ cachedBytes }) => cachedBytes,
      share: ({ share }) => share,
      kept: ({ keptBytes }) => keptBytes,
      staged: ({ stagedBytes }) => stagedBytes,
      'idle ms': ({ idleMs }) => idleMs,
    },
    async *rows(signal) {
      for (let from = 0; ; ) {
        const { files, more } = await read(from, signal)
        yield files
        from += files.length
        if (more === 0 || files.length === 0) return
      }
    },
  }
}
