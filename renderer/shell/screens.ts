/** Where each screen's code is: loaded when it is first shown, and the one that the window opens on at once. */
import type { Route } from '../components/route.ts'

export const PAGES = {
  volumes: () => import('../features/volumes/volumes-page.tsx'),
  new: () => import('../features/wizard/wizard.tsx'),
  connect: () => import('../features/connect/connect-page.tsx'),
  activity: () => import('../features/activity/activity-page.tsx'),
  settings: () => import('../features/settings/settings-page.tsx'),
} as const

export const TABS = {
  overview: () => import('../features/overview/overview-tab.tsx'),
  files: () => import('../features/files/files-tab.tsx'),
  cache: () => import('../features/cache/cache-tab.tsx'),
  inspect: () => import('../features/inspect/inspect-tab.tsx'),
  activity: () => import('../features/activity/volume-activity-tab.tsx'),
  settings: () => import('../features/volume-settings/volume-settings-tab.tsx'),
} as const

/** Loads what the route is going to show while the window is still being made. Whoever shows it says what failed. */
export function loadAhead(route: Route): void {
  const screen =
    route.page === 'volume' ? TABS[route.tab] : route.page === 'unknown' ? undefined : PAGES[route.page]
  screen?.().catch(() => undefined)
}
