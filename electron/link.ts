/**
 * `pomelo://` links, which any page and any mail may contain: they open a place of the window and never do anything.
 *
 *   pomelo://volumes                      pomelo://new    pomelo://connect
 *   pomelo://volume/<id>/<tab>/<path>     pomelo://activity    pomelo://settings
 */

export const LINK_SCHEME = 'pomelo'
const LONGEST = 4096
const PAGES: Readonly<Record<string, string>> = {
  '': '#/',
  volumes: '#/',
  new: '#/new',
  connect: '#/connect',
  activity: '#/activity',
  settings: '#/settings',
}
const TABS = new Set(['overview', 'files', 'cache', 'activity', 'settings'])

/** The fragment that the window goes to; undefined for what is no link of ours. */
export function routeOfLink(link: string): string | undefined {
  if (link.length > LONGEST) return undefined
  let url: URL
  try {
    url = new URL(link)
  } catch {
    return undefined
  }
  if (url.protocol !== `${LINK_SCHEME}:` || url.username !== '' || url.port !== '') return undefined
  const parts = url.pathname.split('/').filter((part) => part !== '')
  const page = url.hostname
  if (page !== 'volume') return parts.length === 0 ? PAGES[page] : undefined
  return volumeRoute(parts)
}

/** The link among a command line's words: Linux and Windows start the program with it. */
export function linkOfArguments(words: readonly string[]): string | undefined {
  return words.find((word) => word.startsWith(`${LINK_SCHEME}://`))
}

function volumeRoute(parts: readonly string[]): string | undefined {
  const [id, tab = 'overview', ...path] = parts.map(decoded)
  if (id === undefined || id === '' || id.length > 100 || tab === undefined || !TABS.has(tab))
    return undefined
  if (path.includes(undefined)) return undefined
  return `#/${['v', id, tab, ...(path as string[])].map(encodeURIComponent).join('/')}`
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}
