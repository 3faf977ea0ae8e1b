/** A disk divided by what is on it; the parts are the whole. */
import type { CacheOverview } from '#core/api/settings.ts'

export type DiskPart = 'here' | 'pinned' | 'staged' | 'others' | 'rest' | 'free' | 'reserve'

export function diskParts(
  { volumes, diskBytes, diskFreeBytes, reserveBytes }: CacheOverview,
  /** The volume that is shown apart; undefined: none. */
  id: string | undefined,
): readonly { readonly part: DiskPart; readonly size: number }[] {
  let here = 0
  let pinned = 0
  let staged = 0
  let others = 0
  for (const volume of volumes) {
    if (volume.id === id) {
      here += volume.cachedBytes - volume.pinnedBytes
      pinned += volume.pinnedBytes
      staged += volume.stagedBytes
    } else others += volume.cachedBytes + volume.stagedBytes
  }
  const reserve = Math.min(reserveBytes, diskFreeBytes)
  const rest = Math.max(0, diskBytes - diskFreeBytes - here - pinned - staged - others)
  return [
    { part: 'here', size: here },
    { part: 'pinned', size: pinned },
    { part: 'staged', size: staged },
    { part: 'others', size: others },
    { part: 'rest', size: rest },
    { part: 'free', size: diskFreeBytes - reserve },
    { part: 'reserve', size: reserve },
  ]
}
