/** From an address to a place that an engine works on: the link, what is wrong with the server, who listens. */
import { type Clock, systemClock } from '#core/base/clock.ts'
import { type Log, silentLog } from '#core/base/log.ts'
import { type Random, systemRandom } from '#core/base/random.ts'
import type { ChangeListener } from '#core/meta/engine.ts'
import { gatherFacts, judge, measureRoundTrip, requireVersion, stopEviction } from './checks.ts'
import type { RedisClient } from './client.ts'
import { RedisLink } from './link.ts'
import type { RedisPlace } from './place.ts'
import { Tracking } from './tracking.ts'
import { parseRedisUrl, type RedisUrl } from './url.ts'

export interface ConnectOptions {
  readonly readOnly?: boolean
  /** For a new volume: say when the database is not empty. */
  readonly create?: boolean
  readonly clock?: Clock
  readonly random?: Random
  readonly log?: Log
  /** Where passwords missing from the address are. */
  readonly env?: NodeJS.ProcessEnv
}

/**
 * Connect to the server of a metadata address and log what its users will feel. Rejects BackendError or Refusal with a
 * sentence when there is no way in.
 */
export async function connectRedis(text: string, options: ConnectOptions = {}): Promise<RedisPlace> {
  const { clock = systemClock, random = systemRandom, log = silentLog, readOnly = false } = options
  const url = parseRedisUrl(text, options.env)
  const link = await RedisLink.open({ url, clock, random, log })
  try {
    await inspect(link, { ...options, clock, log })
    return new LinkedPlace(link, url, { clock, random, log, readOnly })
  } catch (error) {
    await link.close()
    throw error
  }
}

async function inspect(
  link: RedisLink,
  {
    clock,
    log,
    readOnly = false,
    create = false,
  }: ConnectOptions & { readonly clock: Clock; readonly log: Log },
): Promise<void> {
  const ask = <T>(send: (client: RedisClient) => Promise<T>): Promise<T> => link.repeat(send)
  let facts = await gatherFacts(ask, link.locator.prefix)
  requireVersion(facts.info)
  const evicted = readOnly ? undefined : await stopEviction(ask, facts)
  if (evicted !== undefined) {
    log.warn('the metadata server would have thrown keys away; set to keep them until it restarts', {
      was: evicted,
      next: 'set maxmemory-policy noeviction in its redis.conf',
    })
    facts = await gatherFacts(ask, link.locator.prefix)
  }
  for (const { level, code, sentence, next } of [
    ...judge(facts, readOnly),
    await measureRoundTrip(ask, clock),
  ]) {
    if (code === 'redis-shared' && !create) continue
    const serious = level === 'warning' || level === 'problem'
    log[serious ? 'warn' : 'debug'](sentence, { code, ...(next === undefined ? {} : { next }) })
  }
}

class LinkedPlace implements RedisPlace {
  readonly scheme: RedisUrl['scheme']
  readonly prefix: string
  readonly address: string
  readonly readOnly: boolean
  readonly #link: RedisLink
  readonly #parts: { readonly clock: Clock; readonly random: Random; readonly log: Log }
  #tracking: Tracking | undefined
  /** Of the listening that was ended last. */
  #stopped: Promise<void> = Promise.resolve()

  constructor(
    link: RedisLink,
    { scheme, address }: RedisUrl,
    {
      readOnly,
      ...parts
    }: { readonly readOnly: boolean; readonly clock: Clock; readonly random: Random; readonly log: Log },
  ) {
    this.scheme = scheme
    this.prefix = link.locator.prefix
    this.address = address
    this.readOnly = readOnly
    this.#link = link
    this.#parts = parts
  }

  get watcher(): Tracking | undefined {
    return this.#tracking
  }

  repeat<T>(send: (client: RedisClient) => Promise<T>): Promise<T> {
    return this.#link.repeat(send)
  }

  once<T>(send: (client: RedisClient) => Promise<T>): Promise<T> {
    return this.#link.once(send)
  }

  settle(): Promise<void> {
    return this.#link.settle()
  }

  async listen(listener: ChangeListener): Promise<() => void> {
    await this.#tracking?.stop()
    const tracking = await Tracking.start({ link: this.#link, listener, ...this.#parts })
    this.#tracking = tracking
    return () => {
      if (this.#tracking === tracking) this.#tracking = undefined
      this.#stopped = tracking.stop()
    }
  }

  async close(): Promise<void> {
    await this.#tracking?.stop()
    this.#tracking = undefined
    await this.#stopped
    await this.#link.close()
  }
}
