/** Time and timers. Only this file asks the system; everything else takes a `Clock`. */
import { setTimeout as sleepFor } from 'node:timers/promises'

/** A point in wall time. `nsec` is 0..999,999,999 also before 1970. */
export interface Time {
  readonly sec: number
  readonly nsec: number
}

export interface Clock {
  /** Wall time with the best resolution there is. */
  now(): Time
  /** Wall time in whole seconds. */
  nowSec(): number
  /** Monotonic milliseconds with a fraction, for durations. */
  monotonicMs(): number
  /**
   * Resolve after `ms`; reject with AbortError when `signal` fires first. Keeps the process alive, as whoever
   * sleeps has work in hand: loops end theirs through the signal.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

const originMs = performance.timeOrigin

export const systemClock: Clock = {
  now() {
    // Date.now() ticks in ms; the monotonic clock supplies the rest, re-anchored when wall time steps.
    const wall = Date.now()
    let fine = originMs + performance.now()
    if (Math.abs(fine - wall) > 2) fine = wall + (fine % 1)
    const sec = Math.floor(fine / 1000)
    return { sec, nsec: Math.floor((fine - sec * 1000) * 1e6) }
  },
  nowSec: () => Math.floor(Date.now() / 1000),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => sleepFor(ms, undefined, { signal }),
}

/** A clock that a test moves by hand. Sleepers wake in order as time passes them. */
export class ManualClock implements Clock {
  #ms: number
  #sleepers: { at: number; wake: () => void }[] = []

  constructor(startMs = 1_700_000_000_000) {
    this.#ms = startMs
  }

  now(): Time {
    const sec = Math.floor(this.#ms / 1000)
    return { sec, nsec: Math.round((this.#ms - sec * 1000) * 1e6) }
  }

  nowSec(): number {
    return Math.floor(this.#ms / 1000)
  }

  monotonicMs(): number {
    return this.#ms
  }

  /** How many sleep. */
  get sleeping(): number {
    return this.#sleepers.length
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const sleeper = { at: this.#ms + ms, wake: resolve }
      this.#sleepers.push(sleeper)
      signal?.addEventListener(
        'abort',
        () => {
          this.#sleepers = this.#sleepers.filter((other) => other !== sleeper)
          reject(signal.reason)
        },
        { once: true },
      )
    })
  }

  /** Let `ms` pass and give the woken a turn. */
  async advance(ms: number): Promise<void> {
    const end = this.#ms + ms
    for (;;) {
      this.#sleepers.sort((a, b) => a.at - b.at)
      const next = this.#sleepers[0]
      if (next === undefined || next.at > end) break
      this.#sleepers.shift()
      this.#ms = Math.max(this.#ms, next.at)
      next.wake()
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#ms = end
    await new Promise((resolve) => setImmediate(resolve))
  }
}

export function compareTime(a: Time, b: Time): number {
  return a.sec - b.sec || a.nsec - b.nsec
}

/** `nsec` later, or earlier when negative; less than a second either way. */
export function addNsec(time: Time, nsec: number): Time {
  const sum = time.nsec + nsec
  if (sum < 0) return { sec: time.sec - 1, nsec: sum + 1e9 }
  return sum < 1e9 ? { sec: time.sec, nsec: sum } : { sec: time.sec + 1, nsec: sum - 1e9 }
}
