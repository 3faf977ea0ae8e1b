/** Addresses of the window, in the fragment: a place can be linked, gone back to, and opened at start. */

export const VOLUME_TABS = ['overview', 'files', 'cache', 'inspect', 'activity', 'settings'] as const
export type VolumeTab = (typeof VOLUME_TABS)[number]

export type Route =
  | { readonly page: 'volumes' | 'new' | 'connect' | 'activity' | 'settings' | 'unknown' }
  | { readonly page: 'volume'; readonly id: string; readonly tab: VolumeTab; readonly path: string }

/** The place that `#/v/media/files/photos/2026` names. */
export function parseRoute(hash: string): Route {
  const [first = '', id = '', tab = 'overview', ...rest] = hash
    .replace(/^#?\/?/, '')
    .split('/')
    .map(decode)
  if (first === '') return { page: 'volumes' }
  if (first === 'new' || first === 'connect' || first === 'activity' || first === 'settings')
    return { page: first }
  if (first === 'v' && id !== '' && isTab(tab)) return { page: 'volume', id, tab, path: `/${rest.join('/')}` }
  return { page: 'unknown' }
}

export function hrefOf(route: Route): string {
  if (route.page === 'volume') {
    const path = route.path === '/' ? '' : route.path.split('/').map(encodeURIComponent).join('/')
    return `#/v/${encodeURIComponent(route.id)}/${route.tab}${path}`
  }
  return route.page === 'volumes' || route.page === 'unknown' ? '#/' : `#/${route.page}`
}

export function volumeHref(id: string, tab: VolumeTab = 'overview', path = '/'): string {
  return hrefOf({ page: 'volume', id, tab, path })
}

function isTab(text: string): text is VolumeTab {
  return VOLUME_TABS.includes(text as VolumeTab)
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
