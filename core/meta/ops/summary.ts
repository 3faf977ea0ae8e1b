/**
 * What a tree holds. Fast: from the stored statistics of its directories, only listing those that have
 * subdirectories; strict: entry by entry. Source: shared/spec/admin-tools.md §5.3.
 */
import { ENOENT, fail } from '#core/base/errno.ts'
import { type Ino, isTrash } from '#core/base/ino.ts'
import type { TreeSummary } from '../api.ts'
import { type NodeRecord, spaceOf, TYPE_DIRECTORY, TYPE_FILE } from '../records.ts'
import type { MetaState } from '../state.ts'
import { pagesOf, walkDirectories } from './walk.ts'

interface Sum {
  length: number
  space: number
  files: number
  dirs: number
}

/**
 * Totals of the node and, for a directory, its entries (`recursive`: all below). A directory counts 4 KiB for
 * itself, length is that of regular files, a file with several names counts once per name.
 */
export async function summary(
  state: MetaState,
  ino: Ino,
  options: { readonly recursive: boolean; readonly strict: boolean; readonly signal?: AbortSignal },
): Promise<TreeSummary> {
  const [node] = await state.engine.read([{ kind: 'node', ino }])
  if (node === null) throw fail(ENOENT, 'summary', `ino ${ino}`)
  const sum: Sum = { length: 0, space: 0, files: 0, dirs: 0 }
  add(sum, node)
  if (node.type !== TYPE_DIRECTORY) return sum
  await walkDirectories(ino, options.signal, async (dir) => {
    const children = options.strict ? await addEntries(state, sum, dir) : await addStored(state, sum, dir)
    return options.recursive ? children : []
  })
  return sum
}

function add(sum: Sum, node: Pick<NodeRecord, 'type' | 'length'>): void {
  sum.space += spaceOf(node)
  if (node.type === TYPE_DIRECTORY) sum.dirs++
  else sum.files++
  if (node.type === TYPE_FILE) sum.length += node.length
}

/** Add the entries of one directory; returns its subdirectories. */
async function addEntries(state: MetaState, sum: Sum, dir: Ino): Promise<Ino[]> {
  const subdirectories: Ino[] = []
  for await (const page of pagesOf(state, { kind: 'entries', parent: dir }))
    for (const { ino, type, node } of page) {
      add(sum, node ?? { type, length: 0 })
      if (type === TYPE_DIRECTORY) subdirectories.push(ino)
    }
  return subdirectories
}

/** The same from the directory's record of statistics; its link count tells how many of them are directories. */
async function addStored(state: MetaState, sum: Sum, dir: Ino): Promise<Ino[]> {
  const [node, stat] = await state.engine.read([
    { kind: 'node', ino: dir },
    { kind: 'dirStat', ino: dir },
  ])
  if (node === null) return []
  if (stat === null) return addEntries(state, sum, dir)
  const subdirectories: Ino[] = []
  // In the trash nothing is counted as a link.
  if (node.nlink > 2 || isTrash(dir))
    for await (const page of pagesOf(state, { kind: 'edges', parent: dir }))
      for (const { ino, type } of page) if (type === TYPE_DIRECTORY) subdirectories.push(ino)
  sum.length += stat.length
  sum.space += stat.space
  sum.dirs += subdirectories.length
  sum.files += Math.max(0, stat.inodes - subdirectories.length)
  return subdirectories
}
