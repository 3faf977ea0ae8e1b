import type { Volume } from '#core/api/volumes.ts'

const order = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

/** By name, as people count; those whose name has every word of the filter. */
export function sortedVolumes(volumes: readonly Volume[], filter: string): readonly Volume[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean)
  return volumes
    .filter(({ name }) => {
      const lower = name.toLowerCase()
      return words.every((word) => lower.includes(word))
    })
    .sort((a, b) => order.compare(a.name, b.name))
}
