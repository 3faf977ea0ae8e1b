import { CacheMap } from './cache-map.tsx'
import css from './cache-tab.module.css'
import { CachedFiles } from './cached-files.tsx'
import { DiskPanel } from './disk-panel.tsx'
import { PinsPanel } from './pins-panel.tsx'

/** What of the volume is on this computer, and the disk it is on. */
export default function CacheTab({ id }: { readonly id: string }) {
  return (
    <div className={css.cache}>
      <DiskPanel id={id} />
      <PinsPanel id={id} />
      <CacheMap id={id} />
      <CachedFiles id={id} />
    </div>
  )
}
