/**
 * Who may talk to the loopback port. A request must name the very host and port we listen at (a page of another
 * name that resolves to 127.0.0.1 does not: DNS rebinding), come from our own page or from no page at all, and
 * carry a token that is valid now. Failures are counted; past a limit they are answered with 429 for a while. A
 * valid token is never held up by failures of others.
 */
import type { IncomingMessage } from 'node:http'

const MOST_FAILURES = 20
const WITHIN_MS = 60_000

export class Guard {
  readonly #failures: number[] = []
  readonly #onRefused: (reason: string) => void
  #hosts: ReadonlySet<string> = new Set()

  constructor(onRefused: (reason: string) => void) {
    this.#onRefused = onRefused
  }

  /** The port is known once the server listens. */
  listen(port: number): void {
    this.#hosts = new Set([`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`])
  }

  /** Undefined: from our own page, or from no page. Else the reason for a refusal. */
  checkPlace({ headers }: IncomingMessage): string | undefined {
    const { host, origin } = headers
    if (host === undefined || !this.#hosts.has(host)) return this.refuse('the request names another host')
    if (origin !== undefined && origin !== `http://${host}`)
      return this.refuse('the request comes from another page')
    const site = headers['sec-fetch-site']
    if (site !== undefined && site !== 'same-origin' && site !== 'none')
      return this.refuse('the request comes from another site')
    return undefined
  }

  /** Count a failure; returns its reason. */
  refuse(reason: string): string {
    const now = Date.now()
    this.#failures.push(now)
    if (this.#failures.length > MOST_FAILURES * 2) this.#failures.shift()
    this.#onRefused(reason)
    return reason
  }

  /** Too many failures lately. */
  get isLimited(): boolean {
    const since = Date.now() - WITHIN_MS
    while (this.#failures.length > 0 && this.#failures[0]! < since) this.#failures.shift()
    return this.#failures.length > MOST_FAILURES
  }
}

/** `Authorization: Bearer <token>`. */
export function bearerOf({ headers }: IncomingMessage): string | undefined {
  return /^Bearer ([\w-]+)$/.exec(headers.authorization ?? '')?.[1]
}

/** `token.<token>` in the list of WebSocket protocols. */
export function protocolTokenOf({ headers }: IncomingMessage): string | undefined {
  for (const protocol of (headers['sec-websocket-protocol'] ?? '').split(',')) {
    const match = /^token\.([\w-]+)$/.exec(protocol.trim())
    if (match !== null) return match[1]
  }
  return undefined
}
