/**
 * What outlives the daemon for windows that are open: the port it had, so that their address stays right, and the
 * hashes of their tokens. No token can be made from what is kept here.
 */
import type { Db } from './database.ts'

export interface KeptSession {
  readonly sessionId: string
  /** SHA-256 of the token. */
  readonly hash: Buffer
  readonly sinceMs: number
  readonly label: string
  readonly lastMs: number
}

export class SessionStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  /** Of the last run; 0 before the first. */
  get port(): number {
    const row = this.#db.prepare("SELECT json FROM settings WHERE name = 'port'").get()
    return row === undefined ? 0 : Number((row as { json: string }).json)
  }

  set port(port: number) {
    this.#db
      .prepare(
        "INSERT INTO settings (name, json) VALUES ('port', ?) ON CONFLICT (name) DO UPDATE SET json = excluded.json",
      )
      .run(String(port))
  }

  list(): readonly KeptSession[] {
    return this.#db
      .prepare(
        'SELECT id AS sessionId, hash, since_ms AS sinceMs, last_ms AS lastMs, label FROM sessions ORDER BY last_ms',
      )
      .all() as KeptSession[]
  }

  add({ sessionId, hash, sinceMs, lastMs, label }: KeptSession): void {
    this.#db
      .prepare('INSERT INTO sessions (id, hash, since_ms, last_ms, label) VALUES (?, ?, ?, ?, ?)')
      .run(sessionId, hash, sinceMs, lastMs, label)
  }

  seen(sessionId: string, lastMs: number): void {
    this.#db.prepare('UPDATE sessions SET last_ms = ? WHERE id = ?').run(lastMs, sessionId)
  }

  /** On the disk when this returns: what was ended must not come back after a power cut. */
  remove(sessionId: string): void {
    this.#durably(() => this.#db.prepare('DELETE FROM sessions WHERE id = ?').run(sessionId))
  }

  /** As `remove`, for all. */
  clear(): void {
    this.#durably(() => this.#db.prepare('DELETE FROM sessions').run())
  }

  #durably(change: () => void): void {
    this.#db.pragma('synchronous = FULL')
    try {
      change()
    } finally {
      this.#db.pragma('synchronous = NORMAL')
    }
  }
}
