/** The volume's objects behind a store that can be exchanged while it is in use: other keys, another bucket. */
import type {
  ByteRange,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  RequestOptions,
  StreamOptions,
} from '#core/object/store.ts'

export class ReloadableStore implements ObjectStore {
  #now: ObjectStore

  constructor(first: ObjectStore) {
    this.#now = first
  }

  /** Requests from now on go to `next`; those under way end where they began. */
  replace(next: ObjectStore): void {
    this.#now = next
  }

  get address(): string {
    return this.#now.address
  }

  get canReadRange(): boolean {
    return this.#now.canReadRange
  }

  get(key: string, range?: ByteRange, options?: RequestOptions): Promise<Uint8Array> {
    return this.#now.get(key, range, options)
  }

  put(key: string, parts: readonly Uint8Array[], options?: PutOptions): Promise<void> {
    return this.#now.put(key, parts, options)
  }

  putStream(key: string, source: AsyncIterable<Uint8Array>, options?: StreamOptions): Promise<void> {
    return this.#now.putStream(key, source, options)
  }

  getStream(key: string, options?: StreamOptions): AsyncIterable<Uint8Array> {
    return this.#now.getStream(key, options)
  }

  delete(key: string, options?: RequestOptions): Promise<void> {
    return this.#now.delete(key, options)
  }

  head(key: string, options?: RequestOptions): Promise<ObjectInfo | undefined> {
    return this.#now.head(key, options)
  }

  list(prefix: string, options?: RequestOptions & { after?: string }): AsyncIterable<ObjectInfo> {
    return this.#now.list(prefix, options)
  }

  sync(keys: readonly string[]): Promise<void> {
    return this.#now.sync(keys)
  }

  localPath(key: string): string | undefined {
    return this.#now.localPath?.(key)
  }

  create(): Promise<void> {
    return this.#now.create()
  }

  close(): void {
    this.#now.close()
  }
}
