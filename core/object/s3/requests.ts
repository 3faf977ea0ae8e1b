/**
 * One signed HTTP request and its whole answer, through the SDK client's own signer, endpoint and HTTP handler but
 * past its command pipeline: rule sets, serialisers and a middleware stack built anew for each command make three
 * times the CPU (`requests.bench.ts`, a PUT of 4 KiB on a busy machine: 1.5 ms against 0.45).
 */
import { Readable } from 'node:stream'
import type { S3Client } from '@aws-sdk/client-s3'
import { BackendError } from '#core/base/errno.ts'
import { joinParts, totalLength } from '../parts.ts'
import { parseRefusal, type Refused } from './failure.ts'
import { GetConnections, type GetOptions, type Listener } from './get-connections.ts'

export interface S3Request {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'HEAD'
  readonly key: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly parts?: readonly Uint8Array[]
  readonly signal?: AbortSignal
  /** As in `RequestOptions`. */
  readonly room?: (length: number) => Uint8Array | undefined
}

export interface S3Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Buffer
  /** Set unless `status` is a success. */
  readonly refused?: Refused
}

interface Endpoint extends Listener {
  readonly host: string
  /** Of the bucket, without a slash at the end. */
  readonly path: string
}

type Signer = Awaited<ReturnType<S3Client['config']['signer']>>
type SignedRequest = Awaited<ReturnType<Signer['sign']>>

/** An answer whose body may still be on its way. */
interface Exchanged {
  readonly status: number
  readonly headers: S3Answer['headers']
  readonly body: Buffer | Readable
}

/** Error documents are short; more than this of one is not looked at. */
const MAX_REFUSAL = 64 * 1024
/** Bodies up to this size are sent from one buffer. */
const JOIN = 64 * 1024

export class S3Requests {
  readonly #client: S3Client
  readonly #bucket: string
  readonly #pathStyle: boolean
  readonly #getOptions: GetOptions | undefined
  #gets: GetConnections | undefined
  #signer: Promise<Signer> | undefined
  #endpoint: Promise<Endpoint> | undefined
  /** How far the server's clock is ahead of ours, once it has complained. */
  #clockOffsetMs = 0

  /** Without `gets` bodies come through the SDK's handler, too. */
  constructor(client: S3Client, bucket: string, pathStyle: boolean, gets?: GetOptions) {
    this.#client = client
    this.#getOptions = gets
    this.#bucket = bucket
    this.#pathStyle = pathStyle
  }

  /** Errors: those of the HTTP handler and the credentials chain, as they are; an answer is always returned. */
  async send(request: S3Request): Promise<S3Answer> {
    const endpoint = await (this.#endpoint ??= this.#resolveEndpoint())
    if (this.#getOptions !== undefined) this.#gets ??= new GetConnections(endpoint, this.#getOptions)
    const signer = await (this.#signer ??= this.#client.config.signer())
    const parts = request.parts ?? []
    const headers: Record<string, string> = {
      host: endpoint.host,
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      ...request.headers,
    }
    if (request.parts !== undefined) headers['content-length'] = String(totalLength(parts))
    const signingDate = new Date(Date.now() + this.#clockOffsetMs)
    const signed = await signer.sign(
      {
        method: request.method,
        protocol: endpoint.protocol,
        hostname: endpoint.hostname,
        port: endpoint.port,
        path: `${endpoint.path}/${escapeKey(request.key)}`,
        query: { ...request.query },
        headers,
        body: request.parts === undefined ? undefined : requestBody(parts),
      },
      { signingDate },
    )
    const exchanged =
      request.method === 'GET' && this.#gets !== undefined
        ? await this.#gets.get({ ...signed, room: request.room }, request.signal)
        : await this.#handle(signed, request.signal)
    const { status, headers: answered } = exchanged
    const isSuccess = status >= 200 && status < 300
    const length = !isSuccess ? undefined : request.method === 'HEAD' ? 0 : lengthOf(answered)
    const body = Buffer.isBuffer(exchanged.body)
      ? exchanged.body
      : await readBody(exchanged.body, length, request.signal)
    if (isSuccess) return { status, headers: answered, body }
    const refused = parseRefusal(status, body.toString('utf8', 0, MAX_REFUSAL))
    if (refused.code === 'RequestTimeTooSkewed') this.#setClock(answered.date)
    return { status, headers: answered, body, refused }
  }

  close(): void {
    this.#gets?.close()
  }

  async #handle(signed: SignedRequest, signal: AbortSignal | undefined): Promise<Exchanged> {
    const { response } = await this.#client.config.requestHandler.handle(signed, { abortSignal: signal })
    return { status: response.statusCode, headers: response.headers, body: response.body }
  }

  async #resolveEndpoint(): Promise<Endpoint> {
    const { config } = this.#client
    const custom = await config.endpoint?.()
    const { url } = config.endpointProvider({
      Bucket: this.#bucket,
      Region: await config.region(),
      ForcePathStyle: this.#pathStyle,
      Endpoint:
        custom &&
        `${custom.protocol}//${custom.hostname}${custom.port ? `:${custom.port}` : ''}${custom.path}`,
      UseFIPS: await config.useFipsEndpoint(),
      UseDualStack: await config.useDualstackEndpoint(),
      DisableS3ExpressSessionAuth: true,
    })
    return {
      protocol: url.protocol,
      hostname: url.hostname,
      port: url.port === '' ? undefined : Number(url.port),
      host: url.host,
      path: url.pathname.replace(/\/$/, ''),
    }
  }

  #setClock(date: string | undefined): void {
    const server = Date.parse(date ?? '')
    if (!Number.isNaN(server)) this.#clockOffsetMs = server - Date.now()
  }
}

/** RFC 3986: all but unreserved characters, as the signature demands; `/` stays. */
function escapeKey(key: string): string {
  return encodeURIComponent(key)
    .replaceAll('%2F', '/')
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** Large bodies go out part by part: no copy. */
function requestBody(parts: readonly Uint8Array[]): Buffer | Readable {
  if (parts.length === 1 || totalLength(parts) <= JOIN) return joinParts(parts)
  return Readable.from(parts, { objectMode: false })
}

function lengthOf(headers: Readonly<Record<string, string | undefined>>): number | undefined {
  const text = headers['content-length']
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

/** All of a body; of exactly `length` bytes when that is known. A body that breaks off is `unavailable`. */
function readBody(
  stream: Readable,
  length: number | undefined,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const whole = length === undefined ? undefined : Buffer.allocUnsafeSlow(length)
    const chunks: Buffer[] = []
    let filled = 0
    const onAbort = (): void => {
      stream.destroy()
      reject(signal?.reason)
    }
    const finish = (settle: () => void): void => {
      signal?.removeEventListener('abort', onAbort)
      settle()
    }
    stream.on('data', (chunk: Buffer) => {
      if (whole === undefined) chunks.push(chunk)
      else if (filled + chunk.length <= whole.length) chunk.copy(whole, filled)
      filled += chunk.length
    })
    stream.on('end', () =>
      finish(() => {
        if (whole === undefined) resolve(Buffer.concat(chunks))
        else if (filled === whole.length) resolve(whole)
        else reject(new BackendError('unavailable', `body of ${filled} bytes instead of ${whole.length}`))
      }),
    )
    stream.on('error', (error) => finish(() => reject(error)))
    stream.on('close', () =>
      finish(() => reject(new BackendError('unavailable', `body broke off after ${filled} bytes`))),
    )
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted) onAbort()
  })
}
