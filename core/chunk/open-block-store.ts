/** Opens the blocks of a volume: object store, memory and disk caches, staging left over from before. */
import type { BlockStore } from './api.ts'
import { type BlockStoreOptions, settle } from './options.ts'

export type { BlockStoreOptions } from './options.ts'

/**
 * Starts background work (cache scan, uploads of staged blocks) under `options.tasks`; `close` ends it.
 * A cache directory that cannot be used is a warning. Errors: BackendError `invalid` for a bad option.
 */
export async function openBlockStore(options: BlockStoreOptions): Promise<BlockStore> {
  throw new Error(`not built yet: ${settle(options).blockSize}`)
}
