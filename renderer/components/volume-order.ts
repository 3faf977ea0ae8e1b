/**
 * Volumes by name, as people count. Comparing names is dear and names seldom change, while the volumes themselves change
 * every second: the order is kept as long as the names are the same.
 */
import type { Volume } from '#core/api/volumes.ts'

const names = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

let known: readonly string[] = []
let order: readonly number[] = []

export function byName(volumes: readonly Volume[]): readonly Volume[] {
  const isKnown = known.length === volumes.length && volumes.every(({ name }, at) => name === known[at])
  if (!isKnown) {
    known = volumes.map(({ name }) => name)
    order = known.map((_, at) => at).sort((a, b) => names.compare(known[a]!, known[b]!))
  }
  return order.map((at) => volumes[at]!)
}

/** By name, those whose name has every word of the filter. */
export function sortedVolumes(volumes: readonly Volume[], filter: string): readonly Volume[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean)
  const sorted = byName(volumes)
  if (words.length === 0) return sorted
  return sorted.filter(({ name }) => {
    const lower = name.toLowerCase()
    return words.every((word) => lower.includes(word))
  })
}
