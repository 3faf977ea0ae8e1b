/** Puts the volume's prefix before every key and takes it off listings. Source: volume-and-objects.md §2. */
import { DelegatingStore } from './delegating-store.ts'
import type {
  ByteRange,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  RequestOptions,
  StreamOptions,
} from './store.ts'

export function withPrefix(store: ObjectStore, prefix: string): ObjectStore {
  return prefix === '' ? store : new PrefixedStore(store, prefix)
}

class PrefixedStore extends DelegatingStore {
  readonly #prefix: string

  constructor(inner: ObjectStore, prefix: string) {
    super(inner)
    this.#prefix = prefix
  }

  override get address(): string {
    return `${this.inner.address.replace(/\/?$/, '/')}${this.#prefix}`
  }

  override get(key: string, range?: ByteRange, options?: RequestOptions): Promise<Uint8Array> {
    return this.inner.get(this.#prefix + key, range, options)
  }

  override put(key: string, parts: readonly Uint8Array[], options?: PutOptions): Promise<void> {
    return this.inner.put(this.#prefix + key, parts, options)
  }

  override putStream(key: string, source: AsyncIterable<Uint8Array>, options?: StreamOptions): Promise<void> {
    return this.inner.putStream(this.#prefix + key, source, options)
  }

  override getStream(key: string, options?: StreamOptions): AsyncIterable<Uint8Array> {
    return this.inner.getStream(this.#prefix + key, options)
  }

  override delete(key: string, options?: RequestOptions): Promise<void> {
    return this.inner.delete(this.#prefix + key, options)
  }

  override async head(key: string, options?: RequestOptions): Promise<ObjectInfo | undefined> {
    const info = await this.inner.head(this.#prefix + key, options)
    return info && { ...info, key }
  }

  override async *list(
    prefix: string,
    options?: RequestOptions & { after?: string },
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    const after = options?.after === undefined ? undefined : this.#prefix + options.after
    for await (const info of this.inner.list(this.#prefix + prefix, { ...options, after })) {
      yield { ...info, key: info.key.slice(this.#prefix.length) }
    }
  }

  override localPath(key: string): string | undefined {
    return this.inner.localPath?.(this.#prefix + key)
  }

  override sync(keys: readonly string[]): Promise<void> {
    return this.inner.sync(keys.map((key) => this.#prefix + key))
  }
}
