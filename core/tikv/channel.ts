/** One gRPC connection to a member of PD or a store, or to etcd: bytes there and back. It comes up again by itself. */
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { PeerCertificate } from 'node:tls'
import {
  type ChannelCredentials,
  Client,
  credentials,
  logVerbosity,
  Metadata,
  type ServiceError,
  setLogVerbosity,
  status,
} from '@grpc/grpc-js'
import { Refusal } from '#core/base/refusal.ts'

/** PEM files. `verifyCn`: common names of which the server's certificate must have one; empty: any that ca signed. */
export interface Security {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly verifyCn?: readonly string[]
}

/** What secures a connection. Files are PEM. */
export interface Tls {
  /** Of who signed the server's certificate; absent: anybody this machine trusts. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** The server's name in TLS, where it is not its host. */
  readonly serverName?: string
  /** Any certificate will do. */
  readonly unverified?: boolean
  /** Looks at a certificate whose signature is right. `name`: the host, or the server's name. */
  identify(name: string, certificate: PeerCertificate): Error | undefined
}

/** Answers of scans and batches; a store sends less than 8 MiB a request. */
const MAX_MESSAGE = 64 * 2 ** 20
const OPTIONS = {
  'grpc.max_receive_message_length': MAX_MESSAGE,
  'grpc.max_send_message_length': MAX_MESSAGE,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
}

// What goes wrong is told by whoever calls; the driver would write to standard error besides.
setLogVerbosity(logVerbosity.NONE)

/** What the driver adds to its errors: when, and how the name was resolved. */
const RESOLUTION_NOTE = /( \(\d{4}-[^)]*\))?\. Resolution note: .*$/s

/** After these the work may have been done. */
const UNCLEAR: readonly status[] = [
  status.CANCELLED,
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.INTERNAL,
  status.UNAVAILABLE,
]

/** The call failed on its way. Whether the other side has done its work is not known, unless it `refused`. */
export class CallError extends Error {
  override readonly name = 'CallError'
  readonly #code: status

  private constructor(message: string, code: status, options?: ErrorOptions) {
    super(message, options)
    this.#code = code
  }

  static from(address: string, error: ServiceError): CallError {
    const what = error.details.replace(RESOLUTION_NOTE, '') || status[error.code]
    return new CallError(`${address}: ${what}`, error.code, { cause: error })
  }

  static because(address: string, reason: string): CallError {
    return new CallError(`${address}: ${reason}`, status.UNAVAILABLE)
  }

  get unimplemented(): boolean {
    return this.#code === status.UNIMPLEMENTED
  }

  /** The other side has answered that it did not do its work. */
  get refused(): boolean {
    return !UNCLEAR.includes(this.#code)
  }
}

export interface Stream {
  write(message: Buffer): void
  end(): void
}

export interface StreamEvents {
  message(bytes: Buffer): void
  /** Once, whether ended by us, by the server or by the connection. */
  ended(error: Error): void
}

export interface Channel {
  readonly address: string
  /** Rejects CallError, at the latest after the time-out. `token`: of the caller's user, where the server knows users. */
  call(method: string, request: Buffer, timeoutMs: number, token?: string): Promise<Buffer>
  open(method: string, events: StreamEvents): Stream
  close(): void
}

export type Dial = (address: string) => Channel

/** Throws Refusal when a certificate file cannot be read. */
export function dialer(security: Security | undefined): Dial {
  if (security?.ca === undefined) return (address) => new GrpcChannel(address, credentials.createInsecure())
  const { verifyCn = [], ...files } = security
  return tlsDialer({
    ...files,
    // As the reference: addresses are often numbers that no certificate names; whom the CA signed is trusted.
    identify: (host, certificate) =>
      verifyCn.length === 0 || verifyCn.includes(String(certificate.subject.CN))
        ? undefined
        : new Error(
            `the certificate of ${host} is for "${certificate.subject.CN}", not for ${verifyCn.join(' or ')} (verify-cn)`,
          ),
  })
}

/** Throws Refusal when a certificate file cannot be read. */
export function tlsDialer({ ca, cert, key, serverName, unverified = false, identify }: Tls): Dial {
  const [root, own, secret] = [ca, cert, key].map((path) => (path ? readPem(path) : null))
  return (address) => {
    const host = hostOf(address)
    const secrets = credentials.createSsl(root, secret, own, {
      rejectUnauthorized: !unverified,
      checkServerIdentity: (_, certificate) =>
        unverified ? undefined : identify(serverName ?? host, certificate),
    })
    // TLS sends no numbers as the name of a server.
    return new GrpcChannel(address, secrets, serverName ?? (isIP(host) === 0 ? undefined : ANY_NAME))
  }
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new Refusal(`the certificate file ${path} cannot be read`, 'check its path and permissions', {
      cause: error,
    })
  }
}

const ANY_NAME = 'tikv-server'

function hostOf(address: string): string {
  return address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
}

const asIs = (bytes: Buffer): Buffer => bytes

class GrpcChannel implements Channel {
  readonly address: string
  readonly #client: Client

  /** `name`: in TLS, instead of the host. */
  constructor(address: string, secrets: ChannelCredentials, name?: string) {
    this.address = address
    const names =
      name === undefined ? {} : { 'grpc.ssl_target_name_override': name, 'grpc.default_authority': address }
    this.#client = new Client(address, secrets, { ...OPTIONS, ...names })
  }

  call(method: string, request: Buffer, timeoutMs: number, token?: string): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + timeoutMs
      const words = new Metadata()
      if (token !== undefined) words.set('token', token)
      this.#client.makeUnaryRequest(method, asIs, asIs, request, words, { deadline }, (error, reply) => {
        if (error !== null) reject(CallError.from(this.address, error))
        else resolve(reply!)
      })
    })
  }

  open(method: string, events: StreamEvents): Stream {
    const call = this.#client.makeBidiStreamRequest(method, asIs, asIs)
    let over = false
    const end = (error: Error): void => {
      if (over) return
      over = true
      events.ended(error)
    }
    call.on('data', (bytes: Buffer) => events.message(bytes))
    call.on('error', (error: ServiceError) => end(CallError.from(this.address, error)))
    call.on('end', () => end(new Error(`${this.address}: the stream has ended`)))
    return {
      write: (message) => void call.write(message),
      end: () => {
        over = true
        call.cancel()
      },
    }
  }

  close(): void {
    this.#client.close()
  }
}
