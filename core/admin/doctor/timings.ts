/** How long something takes when it is done again and again. */
import type { Clock } from '#core/base/clock.ts'

/** Milliseconds. */
export interface Timings {
  readonly count: number
  readonly medianMs: number
  readonly worstMs: number
}

/** Do `work` up to `times` times, one after the other; no new one begins after `limitMs`. At least once. */
export async function timeEach(
  clock: Clock,
  times: number,
  limitMs: number,
  work: (round: number) => Promise<unknown>,
): Promise<Timings> {
  const taken: number[] = []
  const started = clock.monotonicMs()
  do {
    const before = clock.monotonicMs()
    await work(taken.length)
    taken.push(clock.monotonicMs() - before)
  } while (taken.length < times && clock.monotonicMs() - started < limitMs)
  taken.sort((a, b) => a - b)
  return { count: taken.length, medianMs: taken[taken.length >> 1]!, worstMs: taken.at(-1)! }
}

/** `0.08 ms`, `4.2 ms`, `310 ms`, `2.1 s`. */
export function formatMs(ms: number): string {
  if (ms < 1) return `${ms.toFixed(2)} ms`
  if (ms < 10) return `${ms.toFixed(1)} ms`
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}
