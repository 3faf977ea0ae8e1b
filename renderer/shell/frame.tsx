import { lazy, Suspense } from 'react'
import { ErrorBoundary } from '../components/error-boundary.tsx'
import { useHash } from '../components/navigate.ts'
import { parseRoute, type Route } from '../components/route.ts'
import { useUi } from '../components/ui-store.ts'
import { s } from '../strings/strings.ts'
import css from './frame.module.css'
import { LostBanner } from './lost-banner.tsx'
import { Messages } from './messages.tsx'
import { NoSuchPage } from './no-such-page.tsx'
import { PAGES } from './screens.ts'
import { useShortcuts } from './shortcuts.ts'
import { Sidebar } from './sidebar.tsx'
import { StatusLine } from './status-line.tsx'
import { VolumeFrame } from './volume-frame.tsx'

const VolumesPage = lazy(PAGES.volumes)
const Wizard = lazy(PAGES.new)
const ConnectPage = lazy(PAGES.connect)
const ActivityPage = lazy(PAGES.activity)
const SettingsPage = lazy(PAGES.settings)
const Palette = lazy(() => import('./palette.tsx'))
const ShortcutHelp = lazy(() => import('./shortcut-help.tsx'))
const VolumeDialogs = lazy(() => import('../features/volumes/volume-dialogs.tsx'))

/** Volumes left, one place right, the status line below. */
export function Frame() {
  const route = parseRoute(useHash())
  const { paletteOpen, helpOpen, dialog } = useUi()
  useShortcuts(route)
  return (
    <div className={css.frame}>
      <button type="button" className={css.skip} onClick={focusContent}>
        {s.shell.skip}
      </button>
      <Sidebar route={route} />
      <main id="content" className={css.main} tabIndex={-1}>
        <LostBanner />
        <ErrorBoundary key={route.page}>
          <Suspense fallback={null}>
            <Place route={route} />
          </Suspense>
        </ErrorBoundary>
      </main>
      <StatusLine volumeId={route.page === 'volume' ? route.id : undefined} />
      <Messages />
      <Suspense fallback={null}>
        {paletteOpen && <Palette route={route} />}
        {helpOpen && <ShortcutHelp />}
        {dialog !== null && <VolumeDialogs />}
      </Suspense>
    </div>
  )
}

function Place({ route }: { readonly route: Route }) {
  switch (route.page) {
    case 'volumes':
      return <VolumesPage />
    case 'new':
      return <Wizard />
    case 'connect':
      return <ConnectPage />
    case 'activity':
      return <ActivityPage />
    case 'settings':
      return <SettingsPage />
    case 'volume':
      return <VolumeFrame key={route.id} id={route.id} tab={route.tab} path={route.path} />
    case 'unknown':
      return <NoSuchPage />
  }
}

function focusContent(): void {
  document.getElementById('content')?.focus()
}
