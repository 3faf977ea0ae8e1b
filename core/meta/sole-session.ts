/**
 * Whether this client is the only one that has a session on the volume. While it is, nobody else changes records, and
 * the record cache may be trusted for as long as that is so; it is asked often enough that a client which appears is
 * noticed within the second that mounts keep attributes anyway.
 *
 * Sessions that have expired count too: their clients may be asleep rather than dead. Tools that change metadata
 * without a session (`gc`, `fsck --repair`) change neither nodes nor entries that a cache of nodes and entries holds.
 */
import type { Clock } from '#core/base/clock.ts'
import type { Log } from '#core/base/log.ts'
import type { CachedEngine } from './cached-engine.ts'

const PERIOD_MS = 1000

export class SoleSession {
  readonly #engine: CachedEngine
  readonly #clock: Clock
  readonly #log: Log
  readonly #stopping = new AbortController()
  #loop: Promise<void> | undefined

  constructor(engine: CachedEngine, clock: Clock, log: Log) {
    this.#engine = engine
    this.#clock = clock
    this.#log = log
  }

  /** `sid`: ours, which must be recorded. */
  start(sid: number): void {
    this.#loop ??= this.#watch(sid)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
    this.#engine.deaf()
  }

  async #watch(sid: number): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        const { items, next } = await this.#engine.list({ kind: 'sessions' }, { limit: 2 })
        if (next === undefined && items.every((session) => session.sid === sid)) this.#engine.alone()
        else this.#engine.deaf()
      } catch (error) {
        this.#engine.deaf()
        this.#log.debug('sessions of other clients are not known', { error })
      }
      await this.#clock.sleep(PERIOD_MS, signal).catch(() => {})
    }
  }
}
