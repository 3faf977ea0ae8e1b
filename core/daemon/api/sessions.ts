/**
 * Who is signed in. A single-use code (from `pomelo ui`, over the unix socket) is exchanged for a token of 256 bits;
 * only hashes of both are kept, in memory: a restart of the daemon signs everybody out but tools of this user.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { ApiSession } from '#core/api/settings.ts'
import { secureBytes } from '#core/base/random.ts'

const CODE_LIVES_MS = 60_000
const MOST_CODES = 100
const MOST_SESSIONS = 200
/** A window that was not seen for so long signs in again. */
const SESSION_LIVES_MS = 30 * 86_400_000

interface Session {
  readonly sessionId: string
  readonly hash: Buffer
  readonly sinceMs: number
  readonly label: string
  lastMs: number
}

export class Sessions {
  readonly #codes: { readonly hash: Buffer; readonly endsMs: number }[] = []
  readonly #sessions = new Map<string, Session>()
  readonly #onEnd = new Map<string, Set<() => void>>()

  /** A code for one sign-in within a minute. */
  newCode(): string {
    const code = newSecret()
    this.#codes.push({ hash: hashOf(code), endsMs: Date.now() + CODE_LIVES_MS })
    if (this.#codes.length > MOST_CODES) this.#codes.shift()
    return code
  }

  /** The token for a code that was not used yet; undefined for any other. */
  signIn(code: string, label: string): string | undefined {
    const hash = hashOf(code)
    const at = this.#codes.findIndex((each) => timingSafeEqual(each.hash, hash))
    if (at < 0) return undefined
    const [found] = this.#codes.splice(at, 1)
    if (found!.endsMs < Date.now()) return undefined
    const token = newSecret()
    const sessionId = secureBytes(8).toString('hex')
    this.#sessions.set(sessionId, {
      sessionId,
      hash: hashOf(token),
      sinceMs: Date.now(),
      lastMs: Date.now(),
      label: label.slice(0, 200),
    })
    if (this.#sessions.size > MOST_SESSIONS) this.end(this.#oldest())
    return token
  }

  /** The session of a token. Every session is compared, each in constant time. */
  check(token: string): string | undefined {
    const hash = hashOf(token)
    let found: Session | undefined
    for (const session of this.#sessions.values()) if (timingSafeEqual(session.hash, hash)) found = session
    if (found === undefined) return undefined
    if (Date.now() - found.lastMs > SESSION_LIVES_MS) {
      this.end(found.sessionId)
      return undefined
    }
    found.lastMs = Date.now()
    return found.sessionId
  }

  /** Call `end` when the session does; returns how to forget it. */
  onEnd(sessionId: string, end: () => void): () => void {
    const all = this.#onEnd.get(sessionId) ?? new Set()
    this.#onEnd.set(sessionId, all.add(end))
    return () => all.delete(end)
  }

  /** The token is worthless from now on, and its connections are closed. */
  end(sessionId: string): void {
    this.#sessions.delete(sessionId)
    for (const end of this.#onEnd.get(sessionId) ?? []) end()
    this.#onEnd.delete(sessionId)
  }

  list(own: string): readonly ApiSession[] {
    return [...this.#sessions.values()].map(({ sessionId, sinceMs, lastMs, label }) => ({
      sessionId,
      sinceMs,
      lastMs,
      label,
      isThis: sessionId === own,
    }))
  }

  #oldest(): string {
    return [...this.#sessions.values()].reduce((a, b) => (a.lastMs <= b.lastMs ? a : b)).sessionId
  }
}

function newSecret(): string {
  return secureBytes(32).toString('base64url')
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
