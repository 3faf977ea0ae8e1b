/**
 * When staged blocks may go up: not before they are so old (`--upload-delay`), and only in some hours of the day
 * (`--upload-hours`, local time). Source: shared/spec/data-path.md §9.
 */
export interface UploadWindow {
  readonly delayMs: number
  /** From the first hour up to the second, 0 to 23; over midnight when it is the smaller one; always when equal. */
  readonly hours?: readonly [number, number]
}

/** Time is looked at again after so long at most: clocks are set, and night falls. */
const LOOK_MS = 60_000

/** Milliseconds until a block staged at `sinceMs` may go up, at most a minute; 0: now. */
export function waitMs({ delayMs, hours }: UploadWindow, sinceMs: number, nowMs: number): number {
  if (hours !== undefined && !isWithin(hours, new Date(nowMs).getHours())) return LOOK_MS
  return Math.min(Math.max(sinceMs + delayMs - nowMs, 0), LOOK_MS)
}

function isWithin([from, to]: readonly [number, number], hour: number): boolean {
  if (from === to) return true
  return from < to ? hour >= from && hour < to : hour >= from || hour < to
}
