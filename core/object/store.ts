/**
 * Bytes by key: the one interface of every object store and of the wrappers around them
 * (prefix, encryption, retry, limits), each a store over a store.
 *
 * Errors are BackendError: `not-found` for a missing object on `get`, `denied` for credentials (never
 * retried), `unavailable` for time-outs and server errors, `corrupt` for a body that fails its checksum,
 * `no-space`, `interrupted` when `signal` fired.
 */
export interface ObjectInfo {
  readonly key: string
  readonly size: number
  /** Unix milliseconds. */
  readonly mtimeMs: number
}

export interface RequestOptions {
  readonly signal?: AbortSignal
  /** At most this many attempts where the store would make more: 1 for probes and what can do without. */
  readonly attempts?: number
  /**
   * Where a body of so many bytes may be put, the answer of a `get` then; called at most once an attempt. A store need
   * not ask. The memory is the caller's again when `get` has succeeded; after a failure it may be written to.
   */
  readonly room?: (length: number) => Uint8Array | undefined
}

export interface PutOptions extends RequestOptions {
  /** Storage tier of the inode the data belong to; 0 is the volume's default class. */
  readonly tier?: number
  /**
   * Nobody looks for the object before the put has ended: it need not appear at once. After a kill some of it may be
   * there, as garbage that a later put replaces.
   */
  readonly fresh?: boolean
}

/** Makes one request of a stream; a stream has many, which are limited, timed and tried again one by one. */
export type EachRequest = <T>(request: (signal?: AbortSignal) => Promise<T>) => Promise<T>

export interface StreamOptions extends RequestOptions {
  /** Laid around every request: wrappers put what they are about around what they were given. */
  readonly each?: EachRequest
}

export interface ByteRange {
  readonly offset: number
  readonly length: number
}

export interface ObjectStore {
  /** Scheme and place, without any secret: for messages. */
  readonly address: string
  /** False where a part of an object can only be had by reading all of it (encryption). */
  readonly canReadRange: boolean

  /** The object, or exactly `range.length` bytes of it (fewer only where the object ends); the caller's own. */
  get(key: string, range?: ByteRange, options?: RequestOptions): Promise<Uint8Array>
  /** Store the concatenation of `parts` under `key`, atomically; replaces. The parts may be reused afterwards. */
  put(key: string, parts: readonly Uint8Array[], options?: PutOptions): Promise<void>
  /**
   * Store all that `source` yields, atomically, in memory that does not depend on how much it is. Nothing is stored
   * when the source fails; the error is the source's then. Pieces must not be reused.
   */
  putStream(key: string, source: AsyncIterable<Uint8Array>, options?: StreamOptions): Promise<void>
  /**
   * The object piece by piece, in constant memory; the pieces are the caller's own. Whether a sealed object is whole
   * is known at its end only: until then nothing may be believed.
   */
  getStream(key: string, options?: StreamOptions): AsyncIterable<Uint8Array>
  /** Missing is success. */
  delete(key: string, options?: RequestOptions): Promise<void>
  /** Undefined when missing. */
  head(key: string, options?: RequestOptions): Promise<ObjectInfo | undefined>
  /** Objects whose key starts with `prefix`, in key order (UTF-8 bytes), after the key `after`. */
  list(prefix: string, options?: RequestOptions & { after?: string }): AsyncIterable<ObjectInfo>
  /**
   * Make acknowledged puts of these keys survive a power cut; those deleted since are left out. Remote stores have
   * nothing to do.
   */
  sync(keys: readonly string[]): Promise<void>
  /** Where an object is a file of this machine that holds it as `get` would give it: its path, for reading only. */
  localPath?(key: string): string | undefined
  /** Make the bucket or directory if it is missing. */
  create(): Promise<void>
  close(): void
}
