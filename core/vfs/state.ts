/** What the operations of one volume share. Operations in `ops/` are functions over this. */
import type { Clock } from '#core/base/clock.ts'
import type { OpContext } from '#core/base/context.ts'
import { EBADF, ENAMETOOLONG, fail } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Log } from '#core/base/log.ts'
import type { Histogram, Metrics } from '#core/base/metrics.ts'
import type { Name } from '#core/base/name.ts'
import type { TaskSet } from '#core/base/tasks.ts'
import type { BlockStore } from '#core/chunk/api.ts'
import type { Meta } from '#core/meta/api.ts'
import { MAX_NAME, type NodeRecord } from '#core/meta/records.ts'
import type { AccessLog } from './access-log.ts'
import type { Compactor } from './compactor.ts'
import { FileWriter } from './file-writer.ts'
import type { FileHandle, HandleTable } from './handles.ts'
import type { Nodes, OpenNode } from './nodes.ts'
import type { VfsOptions } from './options.ts'
import type { Unsynced } from './unsynced.ts'
import type { VirtualFiles } from './virtual-files.ts'
import type { WriteParts } from './write-state.ts'

export interface VfsState {
  readonly meta: Meta
  readonly blocks: BlockStore
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly tasks: TaskSet
  readonly options: VfsOptions
  readonly nodes: Nodes
  readonly handles: HandleTable
  readonly virtual: VirtualFiles
  readonly accessLog: AccessLog
  readonly compactor: Compactor
  readonly unsynced: Unsynced
  readonly writing: WriteParts
  readonly readSizes: Histogram
  readonly writtenSizes: Histogram
}

/** The writer of an open file, made with the first write to it. */
export function writerOf(state: VfsState, node: OpenNode): FileWriter {
  return (node.writer ??= new FileWriter(node, state.writing))
}

export function checkName(op: string, name: Name): void {
  if (name.length > MAX_NAME) throw fail(ENAMETOOLONG, op)
}

/** Errors: EBADF unknown, not a file, or not opened for writing. */
export function writableFile(state: VfsState, op: string, fh: number): FileHandle {
  const handle = state.handles.file(op, fh)
  if (!handle.writable) throw fail(EBADF, op, `handle ${fh} is not open for writing`)
  return handle
}

/**
 * Run a change of a file's stored length or content, with nothing uncommitted before it and no write in between;
 * drop our views of the file after it.
 */
export async function changeContent(
  state: VfsState,
  ctx: OpContext,
  ino: Ino,
  change: () => Promise<NodeRecord>,
): Promise<NodeRecord> {
  const { nodes } = state
  const node = nodes.get(ino)
  const run = async (): Promise<NodeRecord> => {
    try {
      if (node !== undefined) await state.writing.mayCommit(node)
      return adopted(state, ino, await change())
    } finally {
      nodes.get(ino)?.views.clear()
      nodes.stamp(ino)
    }
  }
  return node === undefined ? run() : writerOf(state, node).exclusively(ctx, run)
}

/** Remember the record that our own change of an inode gave. */
export function adopted(state: VfsState, ino: Ino, record: NodeRecord): NodeRecord {
  const node = state.nodes.get(ino)
  if (node !== undefined) node.record = record
  state.nodes.stamp(ino)
  return record
}
