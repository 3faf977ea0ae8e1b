/**
 * Which backups are kept: all of the last two days, then the earliest of each day up to two weeks, of each seven days
 * up to 60 days, of each 30 days up to two years. Days are counted from 1970, so that the earliest of a span stays the
 * earliest whenever this is asked. Source: admin-tools.md §9.4, volume-and-objects.md §3.6.
 */
import { backupTime } from './names.ts'

const DAY_SEC = 86_400

interface Span {
  /** Ages up to this, in days. */
  readonly upTo: number
  /** One in so many days; 0: all. */
  readonly every: number
}

const SPANS: readonly Span[] = [
  { upTo: 2, every: 0 },
  { upTo: 14, every: 1 },
  { upTo: 60, every: 7 },
  { upTo: 730, every: 30 },
]

/** The names, of those given, whose time is over. What is no backup's name is never among them. */
export function expiredBackups(names: Iterable<string>, nowSec: number): readonly string[] {
  const dated: { readonly name: string; readonly sec: number }[] = []
  for (const name of names) {
    const sec = backupTime(name)
    if (sec !== undefined) dated.push({ name, sec })
  }
  const taken = new Set<string>()
  return dated
    .sort((a, b) => a.sec - b.sec)
    .filter(({ sec }) => {
      const age = (nowSec - sec) / DAY_SEC
      const span = SPANS.find(({ upTo }) => age <= upTo)
      if (span === undefined) return true
      if (span.every === 0) return false
      const place = `${span.every} ${Math.floor(sec / DAY_SEC / span.every)}`
      if (taken.has(place)) return true
      taken.add(place)
      return false
    })
    .map(({ name }) => name)
}
