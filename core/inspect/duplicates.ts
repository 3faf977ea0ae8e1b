/** What the bucket holds twice, and whose it is. */
import type { Job } from '#core/admin/parts.ts'
import type { DuplicateGroup, DuplicateSlice, DuplicatesReport } from './answers.ts'
import type { EqualSlices } from './content-file.ts'
import type { ContentParts } from './content-scan.ts'
import { FileViews } from './file-views.ts'

/** Files named of one slice. */
const MOST_FILES = 20

export async function duplicates(
  parts: ContentParts,
  { from, limit, signal }: { readonly from: number; readonly limit: number } & Job<never>,
): Promise<DuplicatesReport> {
  const { content, index } = parts
  const views = new FileViews(parts)
  const groups: DuplicateGroup[] = []
  let sharableBytes = 0
  let [nth, more] = [0, 0]
  for (const { size, ids } of usedEqualSlices(parts)) {
    signal?.throwIfAborted()
    const wastedBytes = size * (ids.length - 1)
    sharableBytes += wastedBytes
    if (nth++ < from) continue
    if (groups.length >= limit) more++
    else
      groups.push({
        size,
        wastedBytes,
        slices: await Promise.all(ids.map((id) => usersOf(parts, views, id))),
      })
  }
  const { slices: knownSlices, bytes: knownBytes } = content.counts()
  return {
    ...{ knownSlices, knownBytes, slices: index.file.counts().slices },
    ...{ sharableBytes, repeatedBytes: content.repeatedBlockBytes(), groups, more },
  }
}

/** Equal slices that files use, as far as the index knows. */
export function* usedEqualSlices({ content, index }: ContentParts): Generator<EqualSlices> {
  for (const { size, ids } of content.equalSlices()) {
    const used = ids.filter((id) => index.file.parts(id).length > 0)
    if (used.length > 1) yield { size, ids: used }
  }
}

async function usersOf({ index }: ContentParts, views: FileViews, slice: number): Promise<DuplicateSlice> {
  const inodes = [...new Set(index.file.parts(slice).map(({ ino }) => ino))]
  const files = await Promise.all(inodes.slice(0, MOST_FILES).map(async (ino) => (await views.of(ino)).view))
  return { slice, files, moreFiles: inodes.length - files.length }
}
