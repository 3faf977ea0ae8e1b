/**
 * Who is signed in. A single-use code (from `pomelo ui`, over the unix socket) is exchanged for a token of 256 bits.
 * Only hashes of both are kept. Codes and most tokens end with the daemon; a lasting token works after a restart too:
 * it is given to windows that make sure of the daemon (core/api/daemon-proof.ts) before they show it again.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { ApiSession } from '#core/api/settings.ts'
import { secureBytes } from '#core/base/random.ts'
import type { KeptSession, SessionStore } from '../session-store.ts'

const CODE_LIVES_MS = 60_000
const MOST_CODES = 100
const MOST_SESSIONS = 200
/** A window that was not seen for so long signs in again. */
const SESSION_LIVES_MS = 30 * 86_400_000
/** When a window was last seen is written down at most so often. */
const WRITE_SEEN_MS = 3_600_000

interface Session extends KeptSession {
  readonly isLasting: boolean
  lastMs: number
  writtenMs: number
}

export class Sessions {
  readonly #store: SessionStore
  readonly #codes: { readonly hash: Buffer; readonly endsMs: number }[] = []
  readonly #sessions = new Map<string, Session>()
  readonly #onEnd = new Map<string, Set<() => void>>()

  constructor(store: SessionStore) {
    this.#store = store
    for (const kept of store.list())
      this.#sessions.set(kept.sessionId, { ...kept, isLasting: true, writtenMs: kept.lastMs })
    this.#trim()
  }

  /** A code for one sign-in within a minute. */
  newCode(): string {
    const code = newSecret()
    this.#codes.push({ hash: hashOf(code), endsMs: Date.now() + CODE_LIVES_MS })
    if (this.#codes.length > MOST_CODES) this.#codes.shift()
    return code
  }

  /** The token for a code that was not used yet; undefined for any other. `isLasting`: it outlives this daemon. */
  signIn(code: string, label: string, isLasting = false): string | undefined {
    const hash = hashOf(code)
    const at = this.#codes.findIndex((each) => timingSafeEqual(each.hash, hash))
    if (at < 0) return undefined
    const [found] = this.#codes.splice(at, 1)
    if (found!.endsMs < Date.now()) return undefined
    const token = newSecret()
    const now = Date.now()
    const session: Session = {
      sessionId: secureBytes(8).toString('hex'),
      hash: hashOf(token),
      sinceMs: now,
      lastMs: now,
      writtenMs: now,
      label: label.slice(0, 200),
      isLasting,
    }
    if (isLasting) this.#store.add(session)
    this.#sessions.set(session.sessionId, session)
    this.#trim()
    return token
  }

  /** The session of a token. Every session is compared, each in constant time. */
  check(token: string): string | undefined {
    const hash = hashOf(token)
    let found: Session | undefined
    for (const session of this.#sessions.values()) if (timingSafeEqual(session.hash, hash)) found = session
    if (found === undefined) return undefined
    if (isExpired(found)) {
      this.end(found.sessionId)
      return undefined
    }
    this.#seen(found)
    return found.sessionId
  }

  /** `text` signed with the hash of the token that is named (ProofQuestion), in hexadecimal; undefined: there is none. */
  prove(name: string, text: string): string | undefined {
    const wanted = hashOf(name)
    let found: Session | undefined
    for (const session of this.#sessions.values())
      if (timingSafeEqual(hashOf(nameOf(session.hash)), wanted)) found = session
    if (found === undefined || isExpired(found)) return undefined
    return createHmac('sha256', found.hash).update(text).digest('hex')
  }

  /** Call `end` when the session does; returns how to forget it. */
  onEnd(sessionId: string, end: () => void): () => void {
    const all = this.#onEnd.get(sessionId) ?? new Set()
    this.#onEnd.set(sessionId, all.add(end))
    return () => all.delete(end)
  }

  /** The token is worthless from now on, and its connections are closed, `closeAfterMs` later. */
  end(sessionId: string, closeAfterMs = 0): void {
    const session = this.#sessions.get(sessionId)
    this.#sessions.delete(sessionId)
    if (session?.isLasting) this.#store.remove(sessionId)
    if (closeAfterMs === 0) this.#close(sessionId)
    else setTimeout(() => this.#close(sessionId), closeAfterMs).unref()
  }

  /** The sessions of an earlier run are no more. Called before anybody uses them. */
  forgetKept(): void {
    for (const { sessionId, isLasting } of this.#sessions.values())
      if (isLasting) this.#sessions.delete(sessionId)
    this.#store.clear()
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

  #seen(session: Session): void {
    session.lastMs = Date.now()
    if (!session.isLasting || session.lastMs - session.writtenMs < WRITE_SEEN_MS) return
    session.writtenMs = session.lastMs
    this.#store.seen(session.sessionId, session.lastMs)
  }

  /** Those that have expired go, then the oldest of too many. */
  #trim(): void {
    for (const session of [...this.#sessions.values()]) if (isExpired(session)) this.end(session.sessionId)
    while (this.#sessions.size > MOST_SESSIONS) this.end(this.#oldest())
  }

  #close(sessionId: string): void {
    for (const end of this.#onEnd.get(sessionId) ?? []) end()
    this.#onEnd.delete(sessionId)
  }

  #oldest(): string {
    return [...this.#sessions.values()].reduce((a, b) => (a.lastMs <= b.lastMs ? a : b)).sessionId
  }
}

function isExpired({ lastMs }: Session): boolean {
  return Date.now() - lastMs > SESSION_LIVES_MS
}

function newSecret(): string {
  return secureBytes(32).toString('base64url')
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

function nameOf(hash: Buffer): string {
  return createHash('sha256').update(hash).digest('hex')
}
