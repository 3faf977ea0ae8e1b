/** Copies of single nodes, for clone. */
import type { OpContext } from '#core/base/context.ts'
import type { Ino } from '#core/base/ino.ts'
import type { RecordKey } from '../engine.ts'
import { MAY_EXEC, MAY_READ, requireAccess } from '../permission.ts'
import {
  CHUNK_SIZE,
  type NodeRecord,
  type NodeType,
  TYPE_DIRECTORY,
  TYPE_FILE,
  TYPE_SYMLINK,
  type Xattr,
} from '../records.ts'
import { decodeSlices } from '../slices.ts'
import type { MetaState } from '../state.ts'
import type { Tx } from '../tx.ts'
import { sliceUses } from './slice-uses.ts'
import { pagesOf } from './walk.ts'

export interface Source {
  readonly ino: Ino
  readonly type: NodeType
}

interface Chunk {
  readonly index: number
  readonly slices: Uint8Array
}

/** A node as it will be stored, and what belongs to it. */
export interface Copy {
  readonly node: NodeRecord
  readonly xattrs: readonly Xattr[]
  readonly chunks: readonly Chunk[]
  readonly target: Uint8Array | undefined
}

/**
 * Read the sources and guard what was read, so that the copies are of one moment each. Undefined for those that
 * are gone or something else by now. Throws EACCES.
 */
export async function copyNodes(
  state: MetaState,
  ctx: OpContext,
  tx: Tx,
  sources: readonly Source[],
  parent: Ino,
  preserve: boolean,
): Promise<(Copy | undefined)[]> {
  const keys = sources.flatMap(({ ino, type }): RecordKey[] => [{ kind: 'node', ino }, contentKey(ino, type)])
  const values = await tx.read(keys)
  return Promise.all(
    sources.map(async ({ ino, type }, at) => {
      const node = values[2 * at] as NodeRecord | null
      const content = values[2 * at + 1] as Uint8Array | null
      if (node === null || node.type !== type) return undefined
      const mask = type === TYPE_DIRECTORY ? MAY_READ | MAY_EXEC : MAY_READ
      if (type !== TYPE_SYMLINK) await requireAccess(state, ctx, 'clone', node, mask)
      const [xattrs, chunks] = await Promise.all([
        readXattrs(state, ino),
        type === TYPE_FILE ? readChunks(state, ino, node.length, content) : [],
      ])
      if (type === TYPE_DIRECTORY) tx.nodeLike(ino, node)
      else tx.nodeIs(ino, node)
      // Compaction replaces lists without touching the node.
      for (const { index, slices } of chunks)
        tx.guard({ kind: 'chunkIs', ino, index, is: slices.length === 0 ? null : slices })
      const target = type === TYPE_SYMLINK ? (content ?? undefined) : undefined
      return { node: copied(state, ctx, node, parent, preserve), xattrs, chunks, target }
    }),
  )
}

/** What is read together with the node: a symlink's target, a file's first chunk, which mostly is all. */
function contentKey(ino: Ino, type: NodeType): RecordKey {
  return type === TYPE_SYMLINK ? { kind: 'symlink', ino } : { kind: 'chunk', ino, index: 0 }
}

async function readXattrs(state: MetaState, ino: Ino): Promise<Xattr[]> {
  const xattrs: Xattr[] = []
  for await (const page of pagesOf(state, { kind: 'xattrs', ino })) xattrs.push(...page)
  return xattrs
}

async function readChunks(
  state: MetaState,
  ino: Ino,
  length: number,
  first: Uint8Array | null,
): Promise<Chunk[]> {
  const chunks: Chunk[] = []
  if (first !== null && first.length > 0) chunks.push({ index: 0, slices: first })
  const to = Math.ceil(length / CHUNK_SIZE)
  if (to > 1)
    for await (const page of pagesOf(state, { kind: 'chunks', ino, from: 1, to })) chunks.push(...page)
  return chunks
}

function copied(
  state: MetaState,
  ctx: OpContext,
  node: NodeRecord,
  parent: Ino,
  preserve: boolean,
): NodeRecord {
  const copy = { ...node, parent, nlink: node.type === TYPE_DIRECTORY ? 2 : 1, raw: undefined }
  if (preserve) return copy
  const { sec, nsec } = state.clock.now()
  const times = {
    atime: sec,
    atimeNsec: nsec,
    mtime: sec,
    mtimeNsec: nsec,
    ctime: sec,
    ctimeNsec: nsec,
  }
  const mode = node.type === TYPE_SYMLINK ? node.mode : node.mode & ~ctx.umask
  return { ...copy, ...times, uid: ctx.uid, gid: ctx.gid, mode }
}

/** Store the copy under its own number; entry and accounts are the caller's. */
export function putCopy(tx: Tx, ino: Ino, { node, xattrs, chunks, target }: Copy): void {
  tx.change({ kind: 'putNode', ino, node })
  if (node.type === TYPE_DIRECTORY)
    tx.change({ kind: 'putDirStat', ino, stat: { length: 0, space: 0, inodes: 0 } })
  if (target !== undefined) tx.change({ kind: 'putSymlink', ino, target })
  for (const { name, value } of xattrs) tx.change({ kind: 'putXattr', ino, name, value })
  for (const { index, slices } of chunks) tx.change({ kind: 'appendChunk', ino, index, slices })
  for (const { id, size, uses } of sliceUses(chunks.flatMap(({ slices }) => decodeSlices(slices))))
    tx.change({ kind: 'addSliceRef', id, size, add: uses })
}
