/** What a directory's largest entries hold, some levels down. Source: shared/spec/vfs-and-fuse.md §6.2 (1007), §6.3. */
import { rootContext } from '#core/base/context.ts'
import type { Ino } from '#core/base/ino.ts'
import { nameToText } from '#core/base/name.ts'
import { type NodeRecord, spaceOf, TYPE_DIRECTORY, TYPE_FILE } from '#core/meta/records.ts'
import type { AdminParts, Job } from './parts.ts'
import { entriesOf } from './walk.ts'

export interface TreeNode {
  /** 0 for entries taken together. */
  readonly ino: Ino
  /** Relative to the directory asked for, whose own is empty; entries taken together end in `...`. */
  readonly path: string
  readonly type: number
  /** Bytes of space, files and directories in it, itself among them. */
  readonly size: number
  readonly files: number
  readonly dirs: number
  readonly children?: readonly TreeNode[]
}

export interface TreeOptions {
  /** Levels shown below the directory. */
  readonly depth: number
  /** Entries shown of a directory, the largest; the others are taken together. */
  readonly top: number
  /** Go over the entries instead of the stored statistics. */
  readonly strict: boolean
}

interface Sum {
  files: number
  size: number
}

/** Progress: files and bytes seen. */
export async function summaryTree(
  parts: AdminParts,
  ino: Ino,
  options: TreeOptions,
  job: Job<Sum>,
): Promise<TreeNode> {
  const node = await parts.meta.getattr(rootContext(job.signal), ino)
  return treeOf(parts, { ino, path: '', type: node.type, node }, options.depth, options, job, {
    files: 0,
    size: 0,
  })
}

interface Place {
  readonly ino: Ino
  readonly path: string
  readonly type: number
  readonly node: NodeRecord | null
}

async function treeOf(
  parts: AdminParts,
  { ino, path, type, node }: Place,
  depth: number,
  options: TreeOptions,
  job: Job<Sum>,
  seen: Sum,
): Promise<TreeNode> {
  const ctx = rootContext(job.signal)
  if (type !== TYPE_DIRECTORY) {
    const size = node === null ? 0 : spaceOf(node)
    tell(job, seen, 1, size)
    return { ino, path, type, size, files: 1, dirs: 0 }
  }
  if (depth === 0) {
    const { space, files, dirs } = await parts.meta.summary(ctx, ino, {
      recursive: true,
      strict: options.strict,
    })
    tell(job, seen, files, space)
    return { ino, path, type, size: space, files, dirs }
  }
  const total = { size: 4096, files: 0, dirs: 1 }
  const shown: TreeNode[] = []
  const rest = { size: 0, files: 0, dirs: 0 }
  for await (const item of entriesOf(parts.meta, ctx, ino, job.signal)) {
    const name = nameToText(item.name)
    const place = {
      ino: item.ino,
      type: item.type,
      node: item.node,
      path: path === '' ? name : `${path}/${name}`,
    }
    const child = await treeOf(parts, place, depth - 1, options, job, seen)
    add(total, child)
    shown.push(child)
    shown.sort((a, b) => b.size - a.size)
    if (shown.length > options.top) add(rest, shown.pop()!)
  }
  if (rest.files + rest.dirs > 0) {
    shown.push({ ino: 0, path: path === '' ? '...' : `${path}/...`, type: TYPE_FILE, ...rest })
  }
  return { ino, path, type, ...total, children: shown }
}

function add(to: { size: number; files: number; dirs: number }, child: TreeNode): void {
  to.size += child.size
  to.files += child.files
  to.dirs += child.dirs
}

function tell({ onProgress }: Job<Sum>, seen: Sum, files: number, size: number): void {
  seen.files += files
  seen.size += size
  onProgress?.(seen)
}
