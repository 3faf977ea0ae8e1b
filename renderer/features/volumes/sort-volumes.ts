import { VOLUME_STATES } from '#core/api/states.ts'
import type { Volume } from '#core/api/volumes.ts'
import type { Sort } from '../../components/grid.tsx'
import { byName } from '../../components/volume-order.ts'

const COMPARE: Readonly<Record<string, (a: Volume, b: Volume) => number>> = {
  // What needs somebody first.
  state: (a, b) => VOLUME_STATES.indexOf(b.status.state) - VOLUME_STATES.indexOf(a.status.state),
  used: (a, b) => (b.usage?.usedBytes ?? -1) - (a.usage?.usedBytes ?? -1),
  pending: (a, b) => b.pending.bytes - a.pending.bytes,
}

/** In the order asked for; equals by name. */
export function sortVolumes(volumes: readonly Volume[], { key, descending }: Sort): readonly Volume[] {
  const named = byName(volumes)
  const compare = COMPARE[key]
  if (compare === undefined) return descending ? [...named].reverse() : named
  const sign = descending ? -1 : 1
  // Sorting is stable: equals stay in the order of names.
  return [...named].sort((a, b) => sign * compare(a, b))
}
