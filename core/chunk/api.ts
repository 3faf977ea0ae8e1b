/**
 * Slices as bytes: what `core/vfs` uses to read and write them. A slice is cut into blocks of `blockSize` from
 * its start; a block is one object. Implemented by `block-store.ts` over an ObjectStore, with the memory and
 * disk caches between.
 */
import type { Lent } from './shared-block.ts'

export interface SliceId {
  readonly id: number
  /** Full length of the slice; with the id it names the objects. */
  readonly size: number
}

/** Bytes [offset, offset + length) of an open file. */
export interface FileRange {
  readonly fd: number
  readonly offset: number
  readonly length: number
  readonly done: () => void
}

export type BlockPlace = 'memory' | 'disk' | 'staging' | 'store' | 'missing'

/** A block that this client has. */
export interface HeldBlock {
  readonly slice: number
  readonly index: number
  readonly size: number
  readonly place: 'memory' | 'disk' | 'staging'
  /** Kept whatever the cache's size. */
  readonly kept: boolean
  /** Since it was written or used last; null: not since it was found on disk. */
  readonly idleMs: number | null
}

export interface BlockStore {
  readonly blockSize: number

  /**
   * Bytes [offset, offset + length) of a slice, as one or more views in order, not to be written to. They stay valid
   * while referenced, or with `lent` until that is given back (`shared-block.ts`), which is better for large reads.
   * Errors: BackendError; `not-found` when an object is missing (the caller re-reads the chunk records once).
   */
  read(
    slice: SliceId,
    offset: number,
    length: number,
    signal?: AbortSignal,
    lent?: Lent,
  ): Promise<readonly Uint8Array[]>
  /** The same when every byte is in memory; undefined otherwise. Never waits. */
  peek(slice: SliceId, offset: number, length: number, lent?: Lent): readonly Uint8Array[] | undefined
  /**
   * The range as part of an open cache file that was verified, for replies that skip JavaScript; undefined
   * when it is in memory, spans blocks or was never read. Never waits. Call `done` once the file was read.
   */
  peekFile(slice: SliceId, offset: number, length: number): FileRange | undefined
  /** Bring blocks into the cache in the background; dropped when there is no room or too much to do. */
  prefetch(slice: SliceId, offset: number, length: number): void

  /**
   * Start a slice of at most 64 MiB. Buffers come from the shared budget: `write` may have to wait.
   * `direct`: upload even in write-back mode (compaction).
   */
  newSlice(options?: { readonly tier?: number; readonly direct?: boolean }): SliceWriter

  /** Remove the objects and every cached copy. */
  remove(slice: SliceId, signal?: AbortSignal): Promise<void>
  /** Fill the disk cache with the slice; returns bytes fetched. */
  warm(slice: SliceId, signal?: AbortSignal): Promise<number>
  /** Drop cached copies; staged blocks stay. False: the slice is kept, and all of it stays. */
  evict(slice: SliceId): Promise<boolean>
  /** Whether blocks can be cached on a disk now. */
  readonly hasDiskCache: boolean
  /** Blocks of the slice in the disk cache, now or later, stay there whatever its size; only free space is minded. */
  keep(slice: SliceId): void
  /** Of the slices kept (by id) only these are from now on. */
  keepOnly(slices: ReadonlySet<number>): void
  /** While true nothing is evicted: what is to be kept is not known yet. */
  holdCache(hold: boolean): void
  /** Where each block is now; asks the object store only with `probe`. */
  locate(slice: SliceId, probe: boolean): Promise<readonly BlockPlace[]>
  /** Every block in a cache or staged, each once. What comes or goes while it is gone through may be among them. */
  held(): Iterable<HeldBlock>
  /** Object key of a block, with the volume's prefix left out. */
  key(slice: SliceId, block: number): string
  /** Make the objects of these slices, all of them uploaded, survive a power cut. */
  sync(slices: readonly SliceId[]): Promise<void>

  /** Wait for uploads under way and for staged blocks when `staged`. */
  drain(options: { staged: boolean; signal?: AbortSignal }): Promise<void>
  close(): Promise<void>
}

/**
 * A slice being written: bytes gather in block buffers; complete blocks go up while later ones are written.
 * Positions are inside the slice. Not re-entrant: one caller at a time.
 */
export interface SliceWriter {
  /** Bytes written so far, from 0 without gaps. */
  readonly length: number
  /** Everything below this is being uploaded or is: it cannot be overwritten any more. */
  readonly frozenBelow: number
  /**
   * Copy `bytes` to `at`, with frozenBelow <= at <= length. Undefined: done. A promise: no buffer is free, and
   * `bytes` is not kept (it may view a request buffer that is reused at the next await): when it resolves there
   * is room, call again with the same `at` and a copy, until undefined. It rejects when interrupted or when the
   * slice failed; bytes below `length` may have been taken by then (a block that could be completed was).
   * While it waits nothing else may be called but `peek`, `setId` and `abort`.
   */
  write(at: number, bytes: Uint8Array, signal?: AbortSignal): Promise<void> | undefined
  /**
   * Views of bytes still in memory for readers; undefined when part of the range has left memory, which only
   * bytes below `frozenBelow` do: those are had by `BlockStore.read({ id, size: length }, …)`.
   */
  peek(offset: number, length: number): readonly Uint8Array[] | undefined
  /** The slice's id, once known: uploads of complete blocks may start. Call once. */
  setId(id: number): void
  /**
   * Upload what is left. Resolves when every block is stored (or staged durably); needs `setId`. Rejects with
   * the first failure, after which the slice is gone as if aborted.
   */
  finish(): Promise<void>
  /**
   * Forget everything; blocks already stored are removed in the background. Also after `finish`, when the slice
   * was not committed after all.
   */
  abort(): void
}
