/**
 * Keeps an index new while somebody looks at it: hears what a server pushes, asks the others what was written lately, and
 * notices when clients come that nobody tells of. It takes a twentieth of the time at most.
 */
import { pages } from '#core/admin/pages.ts'
import type { Clock } from '#core/base/clock.ts'
import type { Log } from '#core/base/log.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import type { VolumeIndex } from './volume-index.ts'

const EVERY_MS = 500
/** Time at rest for each millisecond at work. */
const REST = 20
const DOUBTS_EVERY = 20

export interface FollowerParts {
  readonly index: VolumeIndex
  /** The engine itself, without a cache before it. */
  readonly engine: MetaEngine
  readonly clock: Clock
  readonly log: Log
  /** The session whose commits the index is told of by others; 0: none. */
  readonly sid: number
}

export class Follower {
  readonly #parts: FollowerParts
  readonly #stopping = new AbortController()
  #running: Promise<void> | undefined
  #unsubscribe: (() => void) | undefined
  /** The server pushes what anybody changes. */
  #isPushed = false

  constructor(parts: FollowerParts) {
    this.#parts = parts
  }

  /** Resolves when it is known whether changes are heard of; a scan begun after that may be exact. */
  async start(): Promise<void> {
    await this.#subscribe()
    await this.#look()
    this.#running = this.#follow()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#unsubscribe?.()
    await this.#running
  }

  async #subscribe(): Promise<void> {
    const { engine, index, log } = this.#parts
    try {
      this.#unsubscribe = await engine.subscribe?.({
        changed: (scopes) => index.noteScopes(scopes),
        listening: () => {
          this.#isPushed = true
          index.hearing()
        },
        deaf: () => {
          this.#isPushed = false
          index.deaf()
        },
      })
    } catch (error) {
      log.info(
        'the metadata server does not tell of changes: the inspector finds those of others when it is asked',
        {
          error,
        },
      )
    }
  }

  async #follow(): Promise<void> {
    const { clock, log, index } = this.#parts
    const { signal } = this.#stopping
    let tookMs = 0
    for (let round = 1; !signal.aborted; round++) {
      await clock.sleep(Math.max(EVERY_MS, REST * tookMs), signal).catch(() => {})
      if (signal.aborted) return
      const began = clock.monotonicMs()
      try {
        await this.#look()
        // Tools that have no session may write, too: what is heard is not believed to be all for long.
        if (index.isReady && (!index.isExact || round % DOUBTS_EVERY === 0)) await index.catchUp({ signal })
        else if (index.isReady) await index.refresh({ signal })
      } catch (error) {
        if (signal.aborted) return
        index.deaf()
        log.debug('the inspector could not follow the metadata', { error })
      }
      tookMs = clock.monotonicMs() - began
    }
  }

  /** Without pushes, all is heard while nobody but our own client has a session. */
  async #look(): Promise<void> {
    const { engine, index, sid } = this.#parts
    if (this.#isPushed) return
    let isAlone = sid !== 0
    for await (const session of pages(engine, { kind: 'sessions' })) isAlone &&= session.sid === sid
    if (isAlone) index.hearing()
    else index.deaf()
  }
}
