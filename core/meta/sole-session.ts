/**
 * Whether this client is the only one that has a session on the volume. While it is, nobody else changes records, and
 * the record cache may be trusted for as long as that is so. It is asked so often that a client which appears is noticed
 * before its mount is ready to be used; one of ours that finds company waits until no other can think itself alone.
 *
 * With company, the server is asked to push changes, if it can: then those decide. Not before, since every push costs
 * each of our own commits a third of its time (the server tells us of them, too).
 *
 * Sessions that have expired count: their clients may be asleep rather than dead. Tools that change metadata without a
 * session (`gc`, `fsck --repair`) change neither nodes nor entries that a cache of nodes and entries holds.
 */
import type { Clock } from '#core/base/clock.ts'
import type { Log } from '#core/base/log.ts'
import { ALONE_MS, type CachedEngine } from './cached-engine.ts'

const PERIOD_MS = 250
/** Checks in a row that find nobody before pushes are given up: mounts come and go. */
const QUIET_CHECKS = 120

export class SoleSession {
  readonly #engine: CachedEngine
  readonly #clock: Clock
  readonly #log: Log
  readonly #stopping = new AbortController()
  #loop: Promise<void> | undefined
  #quiet = QUIET_CHECKS

  constructor(engine: CachedEngine, clock: Clock, log: Log) {
    this.#engine = engine
    this.#clock = clock
    this.#log = log
  }

  /**
   * `sid`: ours; 0 when it is not recorded. Resolves when others, if there are any, have noticed us, or, when they slept,
   * no longer take it that they are alone.
   */
  async start(sid: number): Promise<void> {
    await this.#look(sid)
    this.#loop ??= this.#watch(sid)
    if (this.#quiet === 0 && sid !== 0)
      await this.#clock.sleep(ALONE_MS, this.#stopping.signal).catch(() => {})
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
    this.#engine.unlisten()
  }

  async #watch(sid: number): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await this.#clock.sleep(PERIOD_MS, signal).catch(() => {})
      if (!signal.aborted) await this.#look(sid)
    }
  }

  async #look(sid: number): Promise<void> {
    const engine = this.#engine
    const since = engine.now()
    const alone = await this.#isAlone(sid)
    this.#quiet = alone ? this.#quiet + 1 : 0
    if (engine.isListening) {
      if (this.#quiet >= QUIET_CHECKS) engine.unlisten()
    } else if (!alone) {
      engine.deaf()
      await engine.listen()
    }
    if (alone && !engine.isListening) engine.alone(since)
  }

  async #isAlone(sid: number): Promise<boolean> {
    try {
      const { items, next } = await this.#engine.list({ kind: 'sessions' }, { limit: 2 })
      return sid !== 0 && next === undefined && items.every((session) => session.sid === sid)
    } catch (error) {
      this.#log.debug('sessions of other clients are not known', { error })
      return false
    }
  }
}
