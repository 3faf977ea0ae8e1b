/** Objects in a Map: the twin that tests use. */
import { BackendError } from '#core/base/errno.ts'
import { throwIfAborted } from './interrupt.ts'
import { compareKeys } from './keys.ts'
import { joinParts } from './parts.ts'
import type {
  ByteRange,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  RequestOptions,
  StreamOptions,
} from './store.ts'
import { eachOf, gathered, rangesOf } from './streams.ts'

export class MemoryObjectStore implements ObjectStore {
  readonly address = 'memory:'
  readonly canReadRange = true
  /** For tests to look into and to damage. */
  readonly objects = new Map<string, { bytes: Uint8Array; mtimeMs: number }>()
  /** Keys given to `sync`, in order. */
  readonly synced: string[] = []

  async get(key: string, range?: ByteRange, options?: RequestOptions): Promise<Uint8Array> {
    throwIfAborted(options?.signal)
    const bytes = this.objects.get(key)?.bytes
    if (bytes === undefined) throw new BackendError('not-found', `memory: no object ${key}`)
    return range === undefined ? bytes.slice() : bytes.slice(range.offset, range.offset + range.length)
  }

  async put(key: string, parts: readonly Uint8Array[], options?: PutOptions): Promise<void> {
    throwIfAborted(options?.signal)
    this.objects.set(key, { bytes: new Uint8Array(joinParts(parts)), mtimeMs: Date.now() })
  }

  async putStream(key: string, source: AsyncIterable<Uint8Array>, options?: StreamOptions): Promise<void> {
    const parts = await gathered(source)
    await eachOf(options)((signal) => this.put(key, parts, { signal }))
  }

  getStream(key: string, options?: StreamOptions): AsyncIterable<Uint8Array> {
    return rangesOf(this, key, options)
  }

  async delete(key: string, options?: RequestOptions): Promise<void> {
    throwIfAborted(options?.signal)
    this.objects.delete(key)
  }

  async head(key: string, options?: RequestOptions): Promise<ObjectInfo | undefined> {
    throwIfAborted(options?.signal)
    const object = this.objects.get(key)
    return object && { key, size: object.bytes.length, mtimeMs: object.mtimeMs }
  }

  async *list(
    prefix: string,
    options?: RequestOptions & { after?: string },
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    const after = options?.after ?? ''
    const keys = [...this.objects.keys()].filter(
      (key) => key.startsWith(prefix) && compareKeys(key, after) > 0,
    )
    for (const key of keys.sort(compareKeys)) {
      throwIfAborted(options?.signal)
      const object = this.objects.get(key)
      if (object !== undefined) yield { key, size: object.bytes.length, mtimeMs: object.mtimeMs }
    }
  }

  async sync(keys: readonly string[]): Promise<void> {
    this.synced.push(...keys)
  }

  async create(): Promise<void> {}

  close(): void {}
}
