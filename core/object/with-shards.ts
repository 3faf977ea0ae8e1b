/**
 * One store out of several buckets: a key's bucket is its FNV-1a hash, 32 bits, modulo their number; the key is the
 * full one, with the volume's prefix. Source: shared/spec/volume-and-objects.md §3.3.
 */
import { BackendError } from '#core/base/errno.ts'
import { compareKeys } from './keys.ts'
import type {
  ByteRange,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  RequestOptions,
  StreamOptions,
} from './store.ts'

export function withShards(shards: readonly ObjectStore[]): ObjectStore {
  return shards.length === 1 ? shards[0]! : new ShardedStore(shards)
}

/** The bucket names or URLs: `%d` (with its flags) in `bucket` replaced by 0 to `count` - 1. */
export function shardBuckets(bucket: string, count: number): string[] {
  if (count > 256) throw new BackendError('invalid', `${count} shards: at most 256 are possible`)
  if (!/%d/.test(bucket))
    throw new BackendError('invalid', `bucket "${bucket}" of a sharded volume has no %d`)
  return Array.from({ length: count }, (_, n) => bucket.replace('%d', String(n)).replaceAll('%%', '%'))
}

/** FNV-1a of the UTF-8 bytes, 32 bits. */
export function fnv1a(key: string): number {
  let hash = 2166136261
  for (const byte of Buffer.from(key)) hash = Math.imul(hash ^ byte, 16777619)
  return hash >>> 0
}

class ShardedStore implements ObjectStore {
  readonly #shards: readonly ObjectStore[]

  constructor(shards: readonly ObjectStore[]) {
    this.#shards = shards
  }

  get address(): string {
    return `${this.#shards[0]!.address} (first of ${this.#shards.length} shards)`
  }

  get canReadRange(): boolean {
    return this.#shards.every((shard) => shard.canReadRange)
  }

  get(key: string, range?: ByteRange, options?: RequestOptions): Promise<Uint8Array> {
    return this.#pick(key).get(key, range, options)
  }

  put(key: string, parts: readonly Uint8Array[], options?: PutOptions): Promise<void> {
    return this.#pick(key).put(key, parts, options)
  }

  putStream(key: string, source: AsyncIterable<Uint8Array>, options?: StreamOptions): Promise<void> {
    return this.#pick(key).putStream(key, source, options)
  }

  getStream(key: string, options?: StreamOptions): AsyncIterable<Uint8Array> {
    return this.#pick(key).getStream(key, options)
  }

  delete(key: string, options?: RequestOptions): Promise<void> {
    return this.#pick(key).delete(key, options)
  }

  head(key: string, options?: RequestOptions): Promise<ObjectInfo | undefined> {
    return this.#pick(key).head(key, options)
  }

  /** The listings of all buckets, merged. */
  async *list(
    prefix: string,
    options?: RequestOptions & { after?: string },
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    const listings = this.#shards.map((shard) => shard.list(prefix, options)[Symbol.asyncIterator]())
    try {
      const heads = await Promise.all(listings.map((listing) => listing.next()))
      for (;;) {
        let least = -1
        for (let n = 0; n < heads.length; n++) {
          if (heads[n]!.done) continue
          if (least < 0 || compareKeys(heads[n]!.value.key, heads[least]!.value.key) < 0) least = n
        }
        if (least < 0) return
        yield heads[least]!.value
        heads[least] = await listings[least]!.next()
      }
    } finally {
      await Promise.all(listings.map((listing) => listing.return?.()))
    }
  }

  localPath(key: string): string | undefined {
    return this.#pick(key).localPath?.(key)
  }

  async sync(keys: readonly string[]): Promise<void> {
    const groups = Map.groupBy(keys, (key) => this.#pick(key))
    await Promise.all([...groups].map(([shard, own]) => shard.sync(own)))
  }

  async create(): Promise<void> {
    await Promise.all(this.#shards.map((shard) => shard.create()))
  }

  close(): void {
    for (const shard of this.#shards) shard.close()
  }

  #pick(key: string): ObjectStore {
    return this.#shards[fnv1a(key) % this.#shards.length]!
  }
}
