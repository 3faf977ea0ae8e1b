/**
 * A second look at what our own commits wrote. The server tells of our own changes too, and cannot tell a foreign
 * change of the same record in the same instant from ours. So a little after our own changes their nodes are read
 * again, many at once; one that is not what the cache holds was changed by somebody else, and with it whatever
 * was heard of in the same message.
 */
import type { Clock } from '#core/base/clock.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Log } from '#core/base/log.ts'
import type { ChangedScope, MetaEngine } from './engine.ts'
import type { RecordCache } from './record-cache.ts'
import { sameNode } from './same-node.ts'

/** How long a record may be trusted before the second look. */
const DELAY_MS = 30
/** Nodes read in one round trip, and noted at most; beyond that the rest is given up as foreign. */
const BATCH = 512
const MAX_NOTED = 16_384

export interface EchoParts {
  readonly engine: MetaEngine
  readonly cache: RecordCache
  readonly clock: Clock
  readonly log: Log
  readonly onForeign: (scopes: readonly ChangedScope[]) => void
}

export class EchoCheck {
  readonly #parts: EchoParts
  readonly #stopping = new AbortController()
  /** Node → the messages it was in. */
  #noted = new Map<Ino, (readonly ChangedScope[])[]>()
  #running: Promise<void> | undefined

  constructor(parts: EchoParts) {
    this.#parts = parts
  }

  /** Changes that only our own commits seem to have made. */
  heard(scopes: readonly ChangedScope[]): void {
    if (this.#stopping.signal.aborted) return
    if (this.#noted.size >= MAX_NOTED) {
      this.#parts.onForeign(scopes)
      return
    }
    for (const scope of scopes) {
      if (scope.kind !== 'node') continue
      const messages = this.#noted.get(scope.ino)
      if (messages === undefined) this.#noted.set(scope.ino, [scopes])
      else if (messages.length < 8) messages.push(scopes)
    }
    if (this.#noted.size > 0) this.#running ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#parts
    const { signal } = this.#stopping
    try {
      while (this.#noted.size > 0 && !signal.aborted) {
        await clock.sleep(DELAY_MS, signal)
        const noted = [...this.#noted]
        this.#noted = new Map()
        for (let at = 0; at < noted.length; at += BATCH) await this.#look(noted.slice(at, at + BATCH))
      }
    } catch (error) {
      if (!signal.aborted) {
        log.debug('records written lately could not be read again', { error })
        const scopes = [...this.#noted.values()].flat(2)
        this.#noted = new Map()
        this.#parts.onForeign(scopes)
      }
    } finally {
      this.#running = undefined
    }
  }

  async #look(noted: readonly (readonly [Ino, readonly (readonly ChangedScope[])[]])[]): Promise<void> {
    const { cache, engine, onForeign } = this.#parts
    const wanted = noted.filter(([ino]) => cache.node(ino)?.current === true)
    if (wanted.length === 0) return
    const before = wanted.map(([ino]) => cache.node(ino)!.value)
    const nodes = await engine.read(wanted.map(([ino]) => ({ kind: 'node', ino }) as const))
    // An answer to a commit of ours that came with this one may still be on its way to the cache.
    await new Promise((resolve) => setImmediate(resolve))
    for (const [k, [ino, messages]] of wanted.entries()) {
      const now = cache.node(ino)
      // Changed again since: its own message has it looked at once more.
      if (now === undefined || !now.current || now.value !== before[k]) continue
      if (!sameNode(now.value, nodes[k]!)) onForeign(messages.flat())
    }
  }
}
