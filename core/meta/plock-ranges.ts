/**
 * The byte ranges that one owner has locked: sorted by start, disjoint, touching ones of equal type and pid
 * merged. Ends are inclusive. Source: meta-records.md §13.
 */
import type { LockRange } from './api.ts'
import type { PlockRange } from './records.ts'

/** The ranges after setting `lock` (type 'U' unlocks): it takes the place of whatever it overlaps. */
export function withLock(ranges: readonly PlockRange[], lock: LockRange): PlockRange[] {
  const next = ranges.flatMap((range) => outside(range, lock))
  if (lock.type !== 'U') {
    const at = next.findIndex((range) => range.start > lock.end)
    next.splice(at < 0 ? next.length : at, 0, {
      type: lock.type,
      pid: lock.pid,
      start: lock.start,
      end: lock.end,
    })
  }
  return merged(next)
}

function outside(range: PlockRange, { start, end }: LockRange): PlockRange[] {
  if (!overlaps(range, start, end)) return [range]
  const rest: PlockRange[] = []
  if (range.start < start) rest.push({ ...range, end: start - 1n })
  if (range.end > end) rest.push({ ...range, start: end + 1n })
  return rest
}

function merged(ranges: readonly PlockRange[]): PlockRange[] {
  const out: PlockRange[] = []
  for (const range of ranges) {
    const last = out.at(-1)
    if (
      last !== undefined &&
      last.end + 1n === range.start &&
      last.type === range.type &&
      last.pid === range.pid
    ) {
      out[out.length - 1] = { ...last, end: range.end }
    } else {
      out.push(range)
    }
  }
  return out
}

export function overlaps(range: PlockRange, start: bigint, end: bigint): boolean {
  return range.start <= end && range.end >= start
}

/** The first of another owner's ranges that stands in the way of `lock`. */
export function findConflict(ranges: readonly PlockRange[], lock: LockRange): PlockRange | undefined {
  if (lock.type === 'U') return undefined
  return ranges.find(
    (range) => overlaps(range, lock.start, lock.end) && (lock.type === 'W' || range.type === 'W'),
  )
}

export function sameRanges(a: readonly PlockRange[], b: readonly PlockRange[]): boolean {
  return (
    a.length === b.length &&
    a.every((range, k) => {
      const other = b[k]!
      return (
        range.type === other.type &&
        range.pid === other.pid &&
        range.start === other.start &&
        range.end === other.end
      )
    })
  )
}
