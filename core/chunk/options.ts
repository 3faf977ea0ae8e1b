/** What a block store is opened with; the defaults and limits are those of shared/spec/data-path.md §15. */
import type { Clock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import type { Log } from '#core/base/log.ts'
import type { Metrics } from '#core/base/metrics.ts'
import { Trace } from '#core/base/trace.ts'
import type { CompressionName } from '#core/object/compression.ts'
import type { ObjectStore } from '#core/object/store.ts'
import type { ChecksumLevel } from './cache/block-file.ts'
import type { UploadWindow } from './upload-window.ts'

export type CacheEviction = '2-random' | 'lru' | 'none'

export interface BlockStoreOptions {
  /** The volume's objects: prefix, encryption, retries and time limits already around it. */
  readonly store: ObjectStore
  /** Bytes; 64 KiB to 16 MiB, a power of two. */
  readonly blockSize: number
  /** The setting's name of it; `''` is `none`. */
  readonly compression?: CompressionName | ''
  readonly hashPrefix?: boolean
  /** Names the cache directories of the volume. */
  readonly uuid: string

  /** Ceiling of write buffers and reads under way, bytes: 300 MiB; never below 32 MiB nor five blocks. */
  readonly bufferSize?: number
  /** Blocks kept in memory, bytes, apart from `bufferSize`: a quarter of it; 0 is none. */
  readonly memoryCacheSize?: number
  /** Roots of the disk cache; the UUID is appended. Empty: no disk cache. `['memory']`: `cacheSize` of memory. */
  readonly cacheDirs?: readonly string[]
  /** Bytes over all directories: 100 GiB. 0 is no disk cache. */
  readonly cacheSize?: number
  /** Blocks over all directories; 0: as many as the file system's inodes allow. */
  readonly cacheItems?: number
  /** Part of the file system, in bytes and in inodes, that is left free: 0.1. */
  readonly freeSpaceRatio?: number
  /** Mode of cached files: 0600. */
  readonly cacheMode?: number
  readonly cacheEviction?: CacheEviction
  /** How cached files are checked when read (§14.2): `extend`. */
  readonly verifyChecksum?: ChecksumLevel
  /** Cache only blocks shorter than `blockSize`. */
  readonly cachePartialOnly?: boolean
  /** Put whole blocks in the disk cache when they are written, too. */
  readonly cacheLargeWrite?: boolean
  /** Milliseconds between two looks for files that came or went behind our back: 1 h; 0: only at start. */
  readonly cacheScanIntervalMs?: number

  readonly maxUploads?: number
  readonly maxDownloads?: number
  readonly maxDeletes?: number
  /** 0: never fetch a whole block in the background because small parts of it are read. */
  readonly prefetch?: number

  /** Acknowledge blocks once they are durable in `rawstaging/` (§9). Needs a disk cache. */
  readonly writeback?: boolean
  /** Only blocks below are staged; 0: all. */
  readonly writebackThreshold?: number
  /** Blocks staged at a time, 1000; then they go up directly. 0: any number. */
  readonly maxStageWrites?: number
  /** When staged blocks go up: at once. */
  readonly uploadWindow?: UploadWindow
  /** Milliseconds after which a cached block that was not used is dropped; 0: never. */
  readonly cacheExpireMs?: number

  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  /** Told of the requests for blocks. */
  readonly trace?: Trace
  /** Memory is short and writers wait: finish open slices, oldest first. Called again while it lasts. */
  readonly onPressure?: () => void
}

/** The same with every default filled in and every limit kept. */
export interface BlockStoreSettings extends Required<Omit<BlockStoreOptions, 'compression' | 'cacheDirs'>> {
  readonly compression: CompressionName
  readonly cacheDirs: readonly string[]
}

const MiB = 2 ** 20

/** Errors: BackendError `invalid`, naming the option. */
export function settle(options: BlockStoreOptions): BlockStoreSettings {
  const { blockSize } = options
  if (blockSize < 64 * 1024 || blockSize > 16 * MiB || !Number.isInteger(Math.log2(blockSize))) {
    throw new BackendError('invalid', `blockSize ${blockSize}: want a power of two from 64 KiB to 16 MiB`)
  }
  // Two reserves and, compressed and not, the largest block must fit.
  const bufferSize = Math.max(size(options, 'bufferSize', 300 * MiB), 32 * MiB, 5 * blockSize)
  const inMemory = options.cacheDirs?.length === 1 && options.cacheDirs[0] === 'memory'
  const cacheSize = size(options, 'cacheSize', 100 * 1024 * MiB)
  const cacheDirs = inMemory || cacheSize === 0 ? [] : [...new Set(options.cacheDirs ?? [])]
  const freeSpaceRatio = options.freeSpaceRatio ?? 0.1
  if (!(freeSpaceRatio >= 0 && freeSpaceRatio < 1)) {
    throw new BackendError('invalid', `freeSpaceRatio ${freeSpaceRatio}: want 0 to below 1`)
  }
  if (options.writeback === true && cacheDirs.length === 0) {
    throw new BackendError('invalid', 'writeback needs a disk cache')
  }
  return {
    store: options.store,
    blockSize,
    compression: options.compression || 'none',
    hashPrefix: options.hashPrefix ?? false,
    uuid: options.uuid,
    bufferSize,
    memoryCacheSize: inMemory ? cacheSize : size(options, 'memoryCacheSize', Math.floor(bufferSize / 4)),
    cacheDirs,
    cacheSize,
    cacheItems: size(options, 'cacheItems', 0),
    freeSpaceRatio,
    cacheMode: options.cacheMode ?? 0o600,
    cacheEviction: options.cacheEviction ?? '2-random',
    verifyChecksum: options.verifyChecksum ?? 'extend',
    cachePartialOnly: options.cachePartialOnly ?? false,
    cacheLargeWrite: options.cacheLargeWrite ?? false,
    cacheScanIntervalMs: size(options, 'cacheScanIntervalMs', 3_600_000),
    maxUploads: Math.max(size(options, 'maxUploads', 20), 1),
    maxDownloads: size(options, 'maxDownloads', 200) || 200,
    maxDeletes: Math.max(size(options, 'maxDeletes', 10), 1),
    prefetch: size(options, 'prefetch', 1),
    writeback: options.writeback ?? false,
    writebackThreshold: size(options, 'writebackThreshold', 0),
    maxStageWrites: size(options, 'maxStageWrites', 1000),
    uploadWindow: options.uploadWindow ?? { delayMs: 0 },
    cacheExpireMs: size(options, 'cacheExpireMs', 0),
    log: options.log,
    metrics: options.metrics,
    clock: options.clock,
    trace: options.trace ?? new Trace(options.clock),
    onPressure: options.onPressure ?? (() => {}),
  }
}

function size<K extends string>(
  options: { readonly [key in K]?: number },
  name: K,
  standard: number,
): number {
  const value = options[name] ?? standard
  if (!Number.isSafeInteger(value) || value < 0) throw new BackendError('invalid', `${name} ${value}`)
  return value
}
