/** Requests to an etcd cluster: to one of its members, and when that does not answer, to the next. */
import type { Clock } from '#core/base/clock.ts'
import { BackendError, type BackendErrorKind } from '#core/base/errno.ts'
import type { Random } from '#core/base/random.ts'
import { Backoffer } from '#core/tikv/backoff.ts'
import { CallError, type Channel, dialer, tlsDialer } from '#core/tikv/channel.ts'
import { type Message, parse, write } from '#core/tikv/messages.ts'
import { encodeRange } from './etcd-messages.ts'
import type { EtcdUrl } from './etcd-url.ts'

/** For one answer: etcd itself gives up after 7 s. */
const CALL_MS = 8_000
/** How long a request is tried, with all pauses. */
const WAIT_MS = 30_000
/** Signing in again for one request: a token may end at any time, a user that is gone stays gone. */
const MAX_SIGN_INS = 3

export interface EtcdParts {
  readonly clock: Clock
  readonly random: Random
  /** Around every connection, for tests. */
  readonly wrap?: (channel: Channel) => Channel
}

/** How often a request was sent without an answer: it may have been carried out. */
export interface Tries {
  unanswered: number
}

export class EtcdClient {
  readonly address: string
  readonly #parts: EtcdParts
  readonly #url: EtcdUrl
  readonly #channels: readonly Channel[]
  #at = 0
  /** Of the user, signed in; undefined where etcd asks for none. */
  #token: Promise<string | undefined> | undefined
  #closed = false

  private constructor(url: EtcdUrl, parts: EtcdParts) {
    this.address = url.address
    this.#url = url
    this.#parts = parts
    const dial = url.tls === undefined ? dialer(undefined) : tlsDialer(url.tls)
    const { wrap = (channel) => channel } = parts
    this.#channels = url.endpoints.map((endpoint) => wrap(dial(endpoint)))
  }

  /** Rejects BackendError with a sentence that says why and what to do; Refusal for a file that cannot be read. */
  static async connect(url: EtcdUrl, parts: EtcdParts): Promise<EtcdClient> {
    const client = new EtcdClient(url, parts)
    try {
      const members = client.#channels.length
      await client.ask('KV/Range', encodeRange({ at: url.prefix }), { unanswered: 0 }, members)
      return client
    } catch (error) {
      client.close()
      if (!(error instanceof CallError)) throw error
      const { message } = error
      throw new BackendError(
        'unavailable',
        `${url.address}: etcd does not answer: ${message}; ${nextStep(message, url.tls !== undefined)}`,
        { cause: error },
      )
    }
  }

  close(): void {
    this.#closed = true
    for (const channel of this.#channels) channel.close()
  }

  /**
   * `method`: without its package, such as `KV/Range`. Rejects BackendError; CallError after the `most`th try without an
   * answer.
   */
  async ask(
    method: string,
    request: Buffer,
    tries: Tries = { unanswered: 0 },
    most = Number.POSITIVE_INFINITY,
  ): Promise<Message> {
    const backoff = new Backoffer({ ...this.#parts, address: this.address }, WAIT_MS)
    for (let [failures, signIns] = [0, 0]; ; ) {
      this.#requireOpen()
      const at = this.#at
      const channel = this.#channels[at]!
      let sent = false
      try {
        const token = await (this.#token ??= this.#signIn(channel))
        sent = true
        return parse(await channel.call(`/etcdserverpb.${method}`, request, CALL_MS, token))
      } catch (error) {
        if (!(error instanceof CallError)) throw error
        if (sent && !error.refused) tries.unanswered++
        this.#requireOpen()
        if (/invalid auth token|revision of auth store is old/.test(error.message)) {
          this.#token = undefined
          if (++signIns <= MAX_SIGN_INS) continue
        }
        if (error.refused && !/too many requests/.test(error.message)) throw refusal(this.address, error)
        if (this.#at === at) this.#at = (at + 1) % this.#channels.length
        if (++failures >= most) throw error
        await backoff.pause('rpc', error.message)
      }
    }
  }

  /** Undefined where etcd knows no users. Rejects CallError, and is then done again. */
  async #signIn(channel: Channel): Promise<string | undefined> {
    const { user } = this.#url
    if (user === undefined) return undefined
    const request = write((writer) =>
      writer.bytes(1, Buffer.from(user.name)).bytes(2, Buffer.from(user.password)),
    )
    try {
      return parse(await channel.call('/etcdserverpb.Auth/Authenticate', request, CALL_MS)).text(2)
    } catch (error) {
      if (error instanceof CallError && /authentication is not enabled/.test(error.message)) return undefined
      this.#token = undefined
      throw error
    }
  }

  #requireOpen(): void {
    if (this.#closed) throw new BackendError('closed', `${this.address}: the etcd client has been closed`)
  }
}

/** What etcd says no with, and what that means. */
const REFUSALS: readonly (readonly [RegExp, BackendErrorKind, string])[] = [
  [
    /required revision has been compacted/,
    'conflict',
    'etcd no longer knows what was there when this change began',
  ],
  [
    /too many operations/,
    'invalid',
    'the change concerns more keys than etcd takes at once; start etcd with a larger --max-txn-ops, such as 4096',
  ],
  [
    /request is too large|received message larger/,
    'invalid',
    'the change is larger than what etcd takes at once; start etcd with a larger --max-request-bytes',
  ],
  [
    /database space exceeded/,
    'no-space',
    'the space of etcd is used up; compact and defragment it and disarm its alarm (etcdctl), or give it a larger --quota-backend-bytes',
  ],
  [
    /invalid user ID or password|invalid auth token/,
    'denied',
    'etcd does not know this user with this password; correct them',
  ],
  [/user name is empty/, 'denied', 'etcd wants a user and a password: etcd://USER:PASSWORD@HOST/VOLUME'],
  [
    /permission denied/,
    'denied',
    "this user of etcd may not read and write the volume's keys; grant it a role with readwrite on their prefix",
  ],
]

function refusal(address: string, error: CallError): BackendError {
  const [, kind, what] = REFUSALS.find(([says]) => says.test(error.message)) ?? [
    undefined,
    'invalid' as const,
    `etcd refuses: ${error.message}`,
  ]
  return new BackendError(kind, `${address}: ${what}`, { cause: error })
}

/** After what went wrong on the way to it. */
function nextStep(reason: string, tls: boolean): string {
  if (/ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|EAI_AGAIN/.test(reason))
    return 'check that etcd runs, and host and port of the address'
  if (!tls)
    return 'check that this is etcd; if it wants TLS, add ?cacert=FILE, and cert and key, to the address'
  if (/certificate|self.signed|altnames|unable to (verify|get)/i.test(reason))
    return 'check cacert, cert, key and server-name of the address'
  return 'if the server speaks no TLS, leave out cacert, cert and key; else check them'
}
