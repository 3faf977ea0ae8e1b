/** Regions in motion: five times a second one changes its leader and some split, and now and then a store is away. */
import { setTimeout as sleep } from 'node:timers/promises'
import { below, type Random, seededRandom } from '#core/base/random.ts'
import type { TikvServer } from './tikv.ts'

const PAUSE_MS = 200
const MAX_REGIONS = 40
const SPLITS = 0.35
/** A store is stopped once in so many changes, first at the tenth. */
const STOP_EVERY = 25
const STOPPED_MS = 400

export interface Unrest {
  readonly events: { readonly leaders: number; readonly splits: number; readonly stops: number }
  /** Nothing moves and all stores run while the work is done. */
  quietly<T>(work: () => Promise<T>): Promise<T>
  /** Ends with all stores running. */
  stop(): Promise<void>
}

/** `someKey`: where something happens next, a byte string. */
export function startUnrest(server: TikvServer, seed: number, someKey: (random: Random) => string): Unrest {
  const random = seededRandom(seed)
  const events = { leaders: 0, splits: 0, stops: 0 }
  let isOver = false
  let quiet = 0
  let changing = Promise.resolve()
  const change = async (): Promise<void> => {
    const regions = await server.regions()
    if (regions.length < MAX_REGIONS && random.next() < SPLITS) {
      await server.split(someKey(random))
      events.splits++
    }
    await server.moveLeader(someKey(random))
    if (++events.leaders % STOP_EVERY !== 10) return
    const { store } = regions[below(random, regions.length)]!
    await server.stopStore(store)
    await sleep(STOPPED_MS)
    await server.startStore(store)
    events.stops++
  }
  const run = async (): Promise<void> => {
    while (!isOver) {
      await sleep(PAUSE_MS)
      if (quiet === 0) await (changing = change())
    }
  }
  const running = run()
  running.catch(() => {}) // told by `stop`
  return {
    events,
    async quietly(work) {
      quiet++
      try {
        await changing
        return await work()
      } finally {
        quiet--
      }
    },
    stop: () => {
      isOver = true
      return running
    },
  }
}

/** Of a volume: inodes are little endian in keys, so their lowest byte parts them best. */
export function someInodeKey(prefix: string, random: Random): string {
  return `${prefix}\xfdA${String.fromCharCode(below(random, 256))}`
}
