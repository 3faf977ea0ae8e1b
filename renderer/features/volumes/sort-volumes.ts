import { VOLUME_STATES } from '#core/api/states.ts'
import type { Volume } from '#core/api/volumes.ts'
import type { Sort } from '../../components/grid.tsx'

const names = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

const COMPARE: Readonly<Record<string, (a: Volume, b: Volume) => number>> = {
  // What needs somebody first.
  state: (a, b) => VOLUME_STATES.indexOf(b.status.state) - VOLUME_STATES.indexOf(a.status.state),
  used: (a, b) => (b.usage?.usedBytes ?? -1) - (a.usage?.usedBytes ?? -1),
  pending: (a, b) => b.pending.bytes - a.pending.bytes,
}

/** In the order asked for; equals by name. */
export function sortVolumes(volumes: readonly Volume[], { key, descending }: Sort): readonly Volume[] {
  const sign = descending ? -1 : 1
  const compare = COMPARE[key]
  return [...volumes].sort(
    (a, b) =>
      sign * (compare?.(a, b) ?? 0) || (compare === undefined ? sign : 1) * names.compare(a.name, b.name),
  )
}
