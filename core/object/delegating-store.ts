/** A store that hands everything to another: wrappers extend it and override what they are about. */
import type {
  ByteRange,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  RequestOptions,
  StreamOptions,
} from './store.ts'

export class DelegatingStore implements ObjectStore {
  protected readonly inner: ObjectStore

  constructor(inner: ObjectStore) {
    this.inner = inner
  }

  get address(): string {
    return this.inner.address
  }

  get canReadRange(): boolean {
    return this.inner.canReadRange
  }

  get(key: string, range?: ByteRange, options?: RequestOptions): Promise<Uint8Array> {
    return this.inner.get(key, range, options)
  }

  put(key: string, parts: readonly Uint8Array[], options?: PutOptions): Promise<void> {
    return this.inner.put(key, parts, options)
  }

  putStream(key: string, source: AsyncIterable<Uint8Array>, options?: StreamOptions): Promise<void> {
    return this.inner.putStream(key, source, options)
  }

  getStream(key: string, options?: StreamOptions): AsyncIterable<Uint8Array> {
    return this.inner.getStream(key, options)
  }

  delete(key: string, options?: RequestOptions): Promise<void> {
    return this.inner.delete(key, options)
  }

  head(key: string, options?: RequestOptions): Promise<ObjectInfo | undefined> {
    return this.inner.head(key, options)
  }

  list(prefix: string, options?: RequestOptions & { after?: string }): AsyncIterable<ObjectInfo> {
    return this.inner.list(prefix, options)
  }

  sync(keys: readonly string[]): Promise<void> {
    return this.inner.sync(keys)
  }

  localPath(key: string): string | undefined {
    return this.inner.localPath?.(key)
  }

  create(): Promise<void> {
    return this.inner.create()
  }

  close(): void {
    this.inner.close()
  }
}
