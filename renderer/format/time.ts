/** Times and durations for people. All take milliseconds. */

const SPACE = '\u00a0'
const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** A latency or a round trip: `0.4 ms`, `18 ms`, `1.2 s`, `85 µs`. */
export function latency(ms: number): string {
  if (!Number.isFinite(ms)) return '–'
  if (ms < 0.095) return `${Math.round(ms * 1000)}${SPACE}µs`
  if (ms < 9.95) return `${ms < 0.95 ? Number(ms.toFixed(2)) : ms.toFixed(1)}${SPACE}ms`
  if (ms < 999.5) return `${Math.round(ms)}${SPACE}ms`
  return duration(ms)
}

/** How long something takes or has lasted: `12 s`, `3 min 20 s`, `2 h 5 min`, `4 d 3 h`; two units at most. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return '–'
  if (ms < 9950) return `${(ms / SECOND).toFixed(1).replace(/\.0$/, '')}${SPACE}s`
  const seconds = Math.round(ms / SECOND)
  if (seconds < 60) return `${seconds}${SPACE}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return join(minutes, 'min', seconds % 60, 's')
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return join(hours, 'h', minutes % 60, 'min')
  return join(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

/** `now`, `8 s ago`, `2 min ago`, `5 h ago`, `yesterday`, `3 days ago`, then the date. */
export function ago(atMs: number, nowMs: number): string {
  const passed = nowMs - atMs
  if (passed < 0) return passed > -5 * SECOND ? 'now' : until(atMs, nowMs)
  if (passed < 5 * SECOND) return 'now'
  if (passed < MINUTE) return `${Math.floor(passed / SECOND)}${SPACE}s ago`
  if (passed < HOUR) return `${Math.floor(passed / MINUTE)}${SPACE}min ago`
  if (passed < DAY) return `${Math.floor(passed / HOUR)}${SPACE}h ago`
  const days = Math.floor(passed / DAY)
  if (days === 1) return 'yesterday'
  return days < 30 ? `${days}${SPACE}days ago` : date(atMs)
}

/** `in 8 s`, `in 2 min`. */
export function until(atMs: number, nowMs: number): string {
  const left = Math.max(0, atMs - nowMs)
  if (left < MINUTE) return `in ${Math.ceil(left / SECOND)}${SPACE}s`
  if (left < HOUR) return `in ${Math.round(left / MINUTE)}${SPACE}min`
  if (left < DAY) return `in ${Math.round(left / HOUR)}${SPACE}h`
  return `in ${Math.round(left / DAY)}${SPACE}days`
}

/** `2026-11-26`, local. */
export function date(atMs: number): string {
  const at = new Date(atMs)
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
}

/** `14:02:07`, local. */
export function clock(atMs: number): string {
  const at = new Date(atMs)
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

/** `2026-11-26 14:02:07`, local; for hovers and tables. */
export function exactTime(atMs: number): string {
  return `${date(atMs)} ${clock(atMs)}`
}

/** `2026-11-26 14:02`: the width of a table's column. */
export function shortTime(atMs: number): string {
  return exactTime(atMs).slice(0, 16)
}

/** Words for when something will be full: `in about 40 days`, `in about 3 hours`, `in over 5 years`. */
export function about(ms: number): string {
  if (ms >= 5 * 365 * DAY) return 'in over 5 years'
  const steps = [
    [365 * DAY, 'year'],
    [DAY, 'day'],
    [HOUR, 'hour'],
    [MINUTE, 'minute'],
  ] as const
  for (const [size, word] of steps) {
    // Below two of a unit the next smaller one says more.
    if (ms >= 2 * size) return `in about ${Math.round(ms / size)} ${word}s`
  }
  return 'within 2 minutes'
}

function join(a: number, unitA: string, b: number, unitB: string): string {
  const first = `${a}${SPACE}${unitA}`
  return b === 0 ? first : `${first}${SPACE}${b}${SPACE}${unitB}`
}

function two(n: number): string {
  return String(n).padStart(2, '0')
}
