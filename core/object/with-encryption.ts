/**
 * Seals every object; names stay as they are, listings show sealed sizes. Source: volume-and-objects.md §2, §5.
 * Large objects are sealed, and all are unsealed, in threads.
 */
import { BackendError } from '#core/base/errno.ts'
import { DelegatingStore } from './delegating-store.ts'
import { totalLength } from './parts.ts'
import { seal, sealStream, unsealStream } from './sealed-object.ts'
import { SealingPool } from './sealing-pool.ts'
import type { ByteRange, ObjectStore, PutOptions, RequestOptions, StreamOptions } from './store.ts'
import { peek } from './streams.ts'
import { type EncryptOptions, parseVolumeKey, type VolumeKey } from './volume-key.ts'

/** Up to this size sealing (0.1 ms) costs less than moving it to a thread. */
const INLINE = 64 * 1024

/** Errors: those of `parseVolumeKey`. */
export function withEncryption(store: ObjectStore, options: EncryptOptions): ObjectStore {
  return new EncryptedStore(store, parseVolumeKey(options))
}

class EncryptedStore extends DelegatingStore {
  readonly #key: VolumeKey
  readonly #pool: SealingPool

  constructor(inner: ObjectStore, key: VolumeKey) {
    super(inner)
    this.#key = key
    this.#pool = new SealingPool(key)
  }

  override get canReadRange(): boolean {
    return false
  }

  override localPath(): undefined {}

  override async get(key: string, range?: ByteRange, options?: RequestOptions): Promise<Uint8Array> {
    const sealed = await this.inner.get(key, undefined, options)
    const plain = isPlainBackup(key, sealed) ? sealed : await this.#unseal(key, sealed)
    return range === undefined ? plain : plain.subarray(range.offset, range.offset + range.length)
  }

  override async put(key: string, parts: readonly Uint8Array[], options?: PutOptions): Promise<void> {
    const isSmall = totalLength(parts) <= INLINE
    const sealed = isSmall ? seal(this.#key, parts) : await this.#pool.seal(parts)
    await this.inner.put(key, sealed, options)
  }

  override putStream(key: string, source: AsyncIterable<Uint8Array>, options?: StreamOptions): Promise<void> {
    return this.inner.putStream(key, sealStream(this.#key, source), options)
  }

  override async *getStream(key: string, options?: StreamOptions): AsyncGenerator<Uint8Array> {
    const { head, bytes } = await peek(this.inner.getStream(key, options), GZIP_HEAD)
    try {
      yield* isPlainBackup(key, head) ? bytes : unsealStream(this.#key, bytes)
    } catch (error) {
      throw this.#named(key, error)
    }
  }

  override close(): void {
    this.#pool.close()
    super.close()
  }

  async #unseal(key: string, sealed: Uint8Array): Promise<Uint8Array> {
    try {
      return await this.#pool.unseal(givenAway(sealed))
    } catch (error) {
      throw this.#named(key, error)
    }
  }

  #named(key: string, error: unknown): unknown {
    if (!(error instanceof BackendError) || error.kind !== 'corrupt') return error
    return new BackendError(error.kind, `${this.address}: ${key}: ${error.message}`, { cause: error })
  }
}

const GZIP_HEAD = 3

/** The reference leaves large metadata backups unsealed (§3.6); sealed ones do not begin like gzip. */
function isPlainBackup(key: string, bytes: Uint8Array): boolean {
  return key.startsWith('meta/') && bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 0x08
}

/** The memory itself where it is all the view's, which it is for large objects; else a copy. */
function givenAway(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes
  if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength) return new Uint8Array(buffer)
  return new Uint8Array(bytes)
}
