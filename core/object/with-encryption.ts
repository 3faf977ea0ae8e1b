/**
 * Seals every object; names stay as they are, listings show sealed sizes. Source: volume-and-objects.md §2, §5.
 * Large objects are sealed, and all are unsealed, in threads.
 */
import { BackendError } from '#core/base/errno.ts'
import { DelegatingStore } from './delegating-store.ts'
import { totalLength } from './parts.ts'
import { seal } from './sealed-object.ts'
import { SealingPool } from './sealing-pool.ts'
import type { ByteRange, ObjectStore, PutOptions, RequestOptions } from './store.ts'
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

  override close(): void {
    this.#pool.close()
    super.close()
  }

  async #unseal(key: string, sealed: Uint8Array): Promise<Uint8Array> {
    try {
      return await this.#pool.unseal(givenAway(sealed))
    } catch (error) {
      if (!(error instanceof BackendError)) throw error
      throw new BackendError(error.kind, `${this.address}: ${key}: ${error.message}`, { cause: error })
    }
  }
}

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
