/**
 * Objects in an S3 bucket. Source: shared/spec/volume-and-objects.md §6 (checksum), §7.5 (requests), §7.7 (tiers).
 * One attempt per call: retries and limits on whole requests are wrappers.
 */
import {
  CreateBucketCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3'
import { crc32c } from '#core/base/crc32c.ts'
import { BackendError } from '#core/base/errno.ts'
import { type Log, silentLog } from '#core/base/log.ts'
import { interruption, throwIfAborted } from '../interrupt.ts'
import { compareKeys } from '../keys.ts'
import type {
  ByteRange,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  RequestOptions,
  StreamOptions,
} from '../store.ts'
import { eachOf, partsOf, rangesOf } from '../streams.ts'
import { type Environment, parseMinioBucket, parseS3Bucket, type S3Address } from './address.ts'
import {
  findRegion,
  getOptions,
  makeClient,
  type S3Credentials,
  type S3Timeouts,
  STANDARD_TIMEOUTS,
} from './client.ts'
import { refusedError, thrownError } from './failure.ts'
import type { GetOptions } from './get-connections.ts'
import { PART_BYTES, uploadInParts } from './multipart.ts'
import { type S3Answer, type S3Request, S3Requests } from './requests.ts'

export interface S3Options extends S3Credentials {
  readonly kind: 's3' | 'minio'
  /** URL of the bucket, see `address.ts`. */
  readonly bucket: string
  readonly tiers?: Readonly<Record<string, { readonly StorageClass: string; readonly Tag: string }>> | null
  readonly timeouts?: Partial<S3Timeouts>
  readonly env?: Environment
  readonly log?: Log
}

export async function openS3Store(options: S3Options): Promise<ObjectStore> {
  const { log = silentLog } = options
  const { client, address, gets } = await openS3Client(options)
  return new S3ObjectStore(client, address, gets, tierHeaders(options.tiers ?? {}, log), log)
}

/** Asks the service nothing, except for the region of a bare AWS bucket name. */
export async function openS3Client(options: S3Options): Promise<{
  readonly client: S3Client
  readonly address: S3Address
  readonly gets: GetOptions | undefined
}> {
  const { env = process.env } = options
  const isMinio = options.kind === 'minio'
  const address = (isMinio ? parseMinioBucket : parseS3Bucket)(options.bucket, env)
  const timeouts = { ...STANDARD_TIMEOUTS, ...options.timeouts }
  const credentials: S3Credentials =
    isMinio && !options.accessKey
      ? { accessKey: env.MINIO_ACCESS_KEY, secretKey: env.MINIO_SECRET_KEY }
      : options
  const region = address.region ?? (await findRegion(address, credentials, timeouts, env))
  const client = makeClient(address, region, credentials, timeouts, env)
  return { client, address, gets: getOptions(address, timeouts, env) }
}

class S3ObjectStore implements ObjectStore {
  readonly canReadRange = true
  readonly address: string
  readonly #client: S3Client
  readonly #requests: S3Requests
  readonly #bucket: string
  readonly #checksum: boolean
  readonly #tierHeaders: ReadonlyMap<number, Readonly<Record<string, string>>>
  readonly #log: Log

  constructor(
    client: S3Client,
    address: S3Address,
    gets: GetOptions | undefined,
    tiers: ReadonlyMap<number, Readonly<Record<string, string>>>,
    log: Log,
  ) {
    this.address = `${address.scheme}://${address.endpoint ?? 's3.amazonaws.com'}/${address.bucket}`
    this.#client = client
    this.#requests = new S3Requests(client, address.bucket, address.pathStyle, gets)
    this.#bucket = address.bucket
    this.#checksum = address.checksum
    this.#tierHeaders = tiers
    this.#log = log
  }

  async get(key: string, range?: ByteRange, options?: RequestOptions): Promise<Uint8Array> {
    if (range === undefined) {
      const answer = await this.#send({ method: 'GET', key, signal: options?.signal, room: options?.room })
      this.#verify(key, answer)
      return answer.body
    }
    if (range.length === 0) return new Uint8Array(0)
    const end = range.offset + range.length
    const headers = { range: `bytes=${range.offset}-${end - 1}` }
    const answer = await this.#request({ method: 'GET', key, headers, signal: options?.signal })
    if (answer.status === 416) return new Uint8Array(0)
    if (answer.refused) throw refusedError(this.#what('get', key), answer.refused)
    return this.#part(key, answer, range.offset, end)
  }

  /** The range that was asked for, as far as the object goes. What covers all of it is checked; for a part there is no checksum. */
  #part(key: string, answer: S3Answer, offset: number, end: number): Uint8Array {
    const { body } = answer
    const said = answer.headers['content-range']
    if (said === undefined) {
      // A service may ignore the range.
      this.#verify(key, answer)
      return body.subarray(offset, end)
    }
    const [first, last, total] = (/^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(said) ?? []).slice(1).map(Number)
    const upTo = Math.min(end, Number.isNaN(total) ? end : (total ?? 0))
    if (first !== offset || last !== upTo - 1 || body.length !== upTo - offset)
      throw new BackendError(
        'corrupt',
        `${this.#what('get', key)}: ${said} of ${body.length} bytes instead of ${offset}-${end - 1}`,
      )
    if (body.length === total) this.#verify(key, answer)
    return body
  }

  async put(key: string, parts: readonly Uint8Array[], options?: PutOptions): Promise<void> {
    const headers = this.#headers(options?.tier)
    if (this.#checksum) {
      let crc = 0
      for (const part of parts) crc = crc32c(part, crc)
      headers['x-amz-meta-crc32c'] = String(crc)
    }
    await this.#send({ method: 'PUT', key, headers, parts, signal: options?.signal })
  }

  /** What fits into one part is put as it is; parts have no checksum of the format, whose place is in the headers. */
  async putStream(key: string, source: AsyncIterable<Uint8Array>, options?: StreamOptions): Promise<void> {
    const each = eachOf(options)
    const parts = partsOf(source, PART_BYTES)
    const first = await parts.next()
    const second = await parts.next()
    if (second.done) return each((signal) => this.put(key, first.value ?? [], { signal }))
    async function* all(): AsyncGenerator<readonly Uint8Array[]> {
      yield first.value!
      yield second.value!
      yield* parts
    }
    const target = {
      key,
      headers: this.#headers(),
      send: (request: S3Request) => this.#send(request),
      head: (signal?: AbortSignal) => this.head(key, { signal }),
      each,
    }
    await uploadInParts(target, all())
  }

  getStream(key: string, options?: StreamOptions): AsyncIterable<Uint8Array> {
    return rangesOf(this, key, options)
  }

  async delete(key: string, options?: RequestOptions): Promise<void> {
    const answer = await this.#request({ method: 'DELETE', key, signal: options?.signal })
    if (answer.refused === undefined || isMissingKey(answer)) return
    throw refusedError(this.#what('delete', key), answer.refused)
  }

  async head(key: string, options?: RequestOptions): Promise<ObjectInfo | undefined> {
    const answer = await this.#request({ method: 'HEAD', key, signal: options?.signal })
    if (answer.status === 404) return undefined
    if (answer.refused) throw refusedError(this.#what('head', key), answer.refused)
    const { headers } = answer
    return {
      key,
      size: Number(headers['content-length'] ?? 0),
      mtimeMs: Date.parse(headers['last-modified'] ?? '') || 0,
    }
  }

  async *list(
    prefix: string,
    options?: RequestOptions & { after?: string },
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    let last = options?.after ?? ''
    let token: string | undefined
    do {
      const page = await this.#page(prefix, options?.after, token, options?.signal)
      for (const item of page.Contents ?? []) {
        const key = page.EncodingType === 'url' ? decodeKey(item.Key ?? '') : (item.Key ?? '')
        if (!key.startsWith(prefix) || compareKeys(key, last) <= 0) {
          throw new BackendError('invalid', `${this.#what('list', prefix)}: key ${key} is out of place`)
        }
        last = key
        yield { key, size: item.Size ?? 0, mtimeMs: item.LastModified?.getTime() ?? 0 }
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token !== undefined)
  }

  async sync(): Promise<void> {}

  async create(): Promise<void> {
    try {
      await this.#client.send(new CreateBucketCommand({ Bucket: this.#bucket }))
    } catch (error) {
      const name = error instanceof Error ? error.name : ''
      if (name === 'BucketAlreadyOwnedByYou') return
      // Another account's, or ours at a service that does not say so.
      if (name === 'BucketAlreadyExists' && (await this.#mayUseBucket())) return
      throw thrownError(this.#what('create', ''), error)
    }
  }

  close(): void {
    this.#requests.close()
    this.#client.destroy()
  }

  async #mayUseBucket(): Promise<boolean> {
    return this.#client.send(new HeadBucketCommand({ Bucket: this.#bucket })).then(
      () => true,
      () => false,
    )
  }

  async #page(
    prefix: string,
    after: string | undefined,
    token: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<ListObjectsV2CommandOutput> {
    throwIfAborted(signal)
    const command = new ListObjectsV2Command({
      Bucket: this.#bucket,
      Prefix: prefix,
      StartAfter: after || undefined,
      ContinuationToken: token,
      EncodingType: 'url',
      MaxKeys: 1000,
    })
    try {
      return await this.#client.send(command, { abortSignal: signal })
    } catch (error) {
      if (signal?.aborted) throw interruption(signal)
      throw thrownError(this.#what('list', prefix), error)
    }
  }

  #headers(tier = 0): Record<string, string> {
    return {
      'content-type': 'application/octet-stream',
      ...(this.#tierHeaders.get(tier) ?? this.#tierHeaders.get(0)),
    }
  }

  /** An answer of any status; errors are BackendError. */
  async #request(request: S3Request): Promise<S3Answer> {
    throwIfAborted(request.signal)
    try {
      return await this.#requests.send(request)
    } catch (error) {
      if (request.signal?.aborted) throw interruption(request.signal)
      if (error instanceof BackendError)
        throw new BackendError(error.kind, `${this.#whatOf(request)}: ${error.message}`)
      throw thrownError(this.#whatOf(request), error)
    }
  }

  async #send(request: S3Request): Promise<S3Answer> {
    const answer = await this.#request(request)
    if (answer.refused) throw refusedError(this.#whatOf(request), answer.refused)
    return answer
  }

  /** §6: only with the metadata, which other writers leave out; a value that is no number is skipped. */
  #verify(key: string, { headers, body }: S3Answer): void {
    const stored = headers['x-amz-meta-crc32c']
    if (!this.#checksum || stored === undefined) return
    const expected = /^-?\d+$/.test(stored) ? Number(stored) : Number.NaN
    if (Number.isNaN(expected)) {
      this.#log.warn('object has an unreadable checksum', { key, stored })
    } else if (crc32c(body) !== expected >>> 0) {
      throw new BackendError('corrupt', `${this.#what('get', key)}: the body does not match its checksum`)
    }
  }

  #whatOf({ method, key }: S3Request): string {
    return this.#what(method.toLowerCase(), key)
  }

  #what(op: string, key: string): string {
    return `s3: ${op} ${key === '' ? '' : `${key} `}at ${this.address}`
  }
}

function isMissingKey({ status, refused }: S3Answer): boolean {
  return status === 404 && refused?.code !== 'NoSuchBucket'
}

function decodeKey(key: string): string {
  return decodeURIComponent(key.replaceAll('+', '%20'))
}

/** Headers by tier. A tag must be `key=value`, both non-empty; another is left out with a warning (§7.7). */
function tierHeaders(
  tiers: Readonly<Record<string, { readonly StorageClass: string; readonly Tag: string }>>,
  log: Log,
): ReadonlyMap<number, Readonly<Record<string, string>>> {
  const byTier = new Map<number, Record<string, string>>()
  for (const [id, { StorageClass, Tag }] of Object.entries(tiers)) {
    const headers: Record<string, string> = {}
    if (StorageClass) headers['x-amz-storage-class'] = StorageClass
    const [key, value, ...more] = (Tag ?? '').split('=')
    if (key && value && more.length === 0) {
      headers['x-amz-tagging'] = `${encodeURIComponent(key)}=${encodeURIComponent(value)}`
    } else if (Tag) log.warn('tag of a storage tier is not key=value', { tier: id, tag: Tag })
    byTier.set(Number(id), headers)
  }
  return byTier
}
