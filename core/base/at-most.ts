import type { Clock } from './clock.ts'

/** Wait for `work`, but not longer than `ms`; what is left of it goes on. Errors: those of `work`. */
export async function atMost(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  const stop = new AbortController()
  try {
    await Promise.race([work, clock.sleep(ms, stop.signal).catch(() => {})])
  } finally {
    stop.abort()
  }
}
