import { lazy, Suspense } from 'react'
import { useVolume, useVolumesLoaded } from '../api/live.ts'
import { Empty } from '../components/empty.tsx'
import { ErrorBoundary } from '../components/error-boundary.tsx'
import { VOLUME_TABS, type VolumeTab, volumeHref } from '../components/route.ts'
import { s } from '../strings/strings.ts'
import { TABS } from './screens.ts'
import css from './volume-frame.module.css'
import { VolumeHeader } from './volume-header.tsx'

const OverviewTab = lazy(TABS.overview)
const FilesTab = lazy(TABS.files)
const CacheTab = lazy(TABS.cache)
const InspectTab = lazy(TABS.inspect)
const VolumeActivityTab = lazy(TABS.activity)
const VolumeSettingsTab = lazy(TABS.settings)

interface Props {
  readonly id: string
  readonly tab: VolumeTab
  readonly path: string
}

/** One volume: its name, its state, its tabs. */
export function VolumeFrame({ id, tab, path }: Props) {
  const volume = useVolume(id)
  const loaded = useVolumesLoaded()
  if (volume === undefined) {
    return loaded ? (
      <Empty title={s.shell.gone.title}>
        <p>{s.shell.gone.text}</p>
      </Empty>
    ) : null
  }
  return (
    <>
      <VolumeHeader volume={volume} />
      <nav className={css.tabs} aria-label={s.shell.tabsLabel(volume.name)}>
        {VOLUME_TABS.map((each) => (
          <a key={each} href={volumeHref(id, each)} aria-current={each === tab ? 'page' : undefined}>
            {s.shell.tabs[each]}
          </a>
        ))}
      </nav>
      <div className={css.content} data-tab={tab}>
        <ErrorBoundary key={tab}>
          <Suspense fallback={null}>
            <Tab id={id} tab={tab} path={path} />
          </Suspense>
        </ErrorBoundary>
      </div>
    </>
  )
}

function Tab({ id, tab, path }: Props) {
  switch (tab) {
    case 'overview':
      return <OverviewTab id={id} />
    case 'files':
      return <FilesTab id={id} path={path} />
    case 'cache':
      return <CacheTab id={id} />
    case 'inspect':
      return <InspectTab id={id} path={path} />
    case 'activity':
      return <VolumeActivityTab id={id} />
    case 'settings':
      return <VolumeSettingsTab id={id} />
  }
}
