/** Opens the blocks of a volume: object store, memory and disk caches, staging left over from before. */
import { join } from 'node:path'
import { systemRandom } from '#core/base/random.ts'
import { blockCodec } from '#core/object/compression.ts'
import type { BlockStore } from './api.ts'
import { BlockFetcher } from './block-fetcher.ts'
import { CachedBlockStore } from './block-store.ts'
import { BlockUploads } from './block-uploads.ts'
import { BufferBudget } from './buffer-budget.ts'
import { BufferPool } from './buffer-pool.ts'
import { CacheDir } from './cache/cache-dir.ts'
import { DiskCache } from './cache/disk-cache.ts'
import { MemoryCache } from './cache/memory-cache.ts'
import { Geometry } from './geometry.ts'
import { LocalObjects, liesBeside } from './local-objects.ts'
import { type BlockStoreOptions, type BlockStoreSettings, settle } from './options.ts'
import { Prefetcher } from './prefetcher.ts'
import { Staging } from './staging.ts'

export type { BlockStoreOptions } from './options.ts'

/**
 * Starts background work (cache scan, uploads of staged blocks), which `close` ends. Does not close the object store.
 * A cache directory that cannot be used is a warning. Errors: BackendError `invalid` for a bad option.
 */
export async function openBlockStore(options: BlockStoreOptions): Promise<BlockStore> {
  const settings = settle(options)
  const { store, blockSize, bufferSize, log, metrics, trace } = settings
  const codec = blockCodec(settings.compression)
  const geometry = new Geometry(blockSize, settings.hashPrefix)
  const reserves = { growth: blockSize, payload: codec.bound(blockSize) }
  const budget = new BufferBudget(bufferSize, reserves, settings.onPressure)
  const pool = new BufferPool(() => Math.max(bufferSize - budget.used, 0), settings.clock)
  const memory = { budget, pool, blockSize }
  const cache = new MemoryCache(settings.memoryCacheSize)

  const dirs = cacheDirs(settings, geometry)
  await Promise.all(dirs.map((dir) => dir.prepare()))
  const staging = new Staging({
    ...{ dirs, store, geometry, codec, budget, log, metrics, clock: settings.clock },
    mode: settings.cacheMode,
    freeSpaceRatio: settings.freeSpaceRatio,
    parallel: Math.min(settings.maxUploads, 8),
    window: settings.uploadWindow,
    maxWrites: settings.maxStageWrites,
  })
  await staging.recover()
  const queueSize = Math.floor(bufferSize / 5)
  const disk = new DiskCache({ dirs, queueSize, log, metrics, clock: settings.clock })

  const folders = dirs.map(({ root }) => root)
  const isLocal = codec.name === 'none' && (await liesBeside(store, geometry.key(1, 0, blockSize), folders))
  const local = isLocal
    ? new LocalObjects({ store, geometry, log, metrics, clock: settings.clock })
    : undefined

  const shared = { store, geometry, codec, cache, disk, local, log, metrics, trace }
  const uploads = new BlockUploads({
    ...{
      ...shared,
      memory,
      staging: settings.writeback ? staging : undefined,
      stageBelow: settings.writebackThreshold || Infinity,
    },
    cacheLargeWrite: settings.cacheLargeWrite,
    maxUploads: settings.maxUploads,
  })
  const fetcher: BlockFetcher = new BlockFetcher({
    ...{
      ...shared,
      budget,
      pool,
      cachePartialOnly: settings.cachePartialOnly,
      maxDownloads: settings.maxDownloads,
    },
    prefetch: settings.prefetch > 0 ? (name) => prefetcher.add(name) : undefined,
  })
  const prefetcher = new Prefetcher({ fetcher, budget, cache, log })

  metrics.gauge('used_buffer_size_bytes', () => budget.used)
  metrics.gauge('store_cache_size_bytes', () => cache.used)
  metrics.gauge('blockcache_blocks', () => (dirs.length > 0 ? disk.count : cache.count))
  metrics.gauge('blockcache_bytes', () => (dirs.length > 0 ? disk.bytes : cache.used))
  metrics.gauge('blockcache_kept_bytes', () => disk.keptBytes)
  return new CachedBlockStore({
    ...{ ...shared, memory, staging, uploads, fetcher, prefetcher },
    maxDeletes: settings.maxDeletes,
    clock: settings.clock,
  })
}

function cacheDirs(settings: BlockStoreSettings, geometry: Geometry): CacheDir[] {
  const { cacheDirs: roots, uuid, clock, log, metrics } = settings
  return roots.map(
    (root) =>
      new CacheDir({
        root: join(root, uuid),
        geometry,
        capacity: settings.cacheSize / roots.length,
        maxItems: Math.ceil(settings.cacheItems / roots.length),
        freeSpaceRatio: settings.freeSpaceRatio,
        mode: settings.cacheMode,
        eviction: settings.cacheEviction,
        level: settings.verifyChecksum,
        scanIntervalMs: settings.cacheScanIntervalMs,
        expireMs: settings.cacheExpireMs,
        ...{ log, metrics, clock, random: systemRandom },
      }),
  )
}
