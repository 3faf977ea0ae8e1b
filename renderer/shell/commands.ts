/** Everything the window can do, as commands: what the palette lists, and how a search ranks them. */
import type { Volume } from '#core/api/volumes.ts'
import type { Route } from '../components/route.ts'
import { hrefOf, VOLUME_TABS, volumeHref } from '../components/route.ts'
import type { VolumeDialog } from '../components/ui-store.ts'
import { s } from '../strings/strings.ts'

export interface Command {
  readonly key: string
  readonly group: 'volume' | 'volumes' | 'pages' | 'app'
  readonly label: string
  readonly shortcut?: string
  readonly volume?: Volume
  run(): void
}

/** Care that needs no more than the word. */
export const CARE_KINDS = ['fsck', 'gc', 'compact'] as const
export type CareKind = (typeof CARE_KINDS)[number]

/** What commands act with; the window gives the real ones. */
export interface Doers {
  go(href: string): void
  mount(volume: Volume): void
  unmount(volume: Volume): void
  openFolder(volume: Volume): void
  /** Starts the care and shows how far it is. */
  care(volume: Volume, kind: CareKind): void
  openDialog(kind: VolumeDialog, volume: Volume): void
  openHelp(): void
  chooseTheme(theme: 'system' | 'light' | 'dark'): void
  copy(text: string): void
  isUp(volume: Volume): boolean
}

export function commandsFor(
  route: Route,
  volumes: readonly Volume[],
  keys: Readonly<Record<string, string>>,
  doers: Doers,
): readonly Command[] {
  const words = s.shell.palette
  const list: Command[] = []
  const current = route.page === 'volume' ? volumes.find(({ id }) => id === route.id) : undefined
  if (current !== undefined) {
    list.push(mountOrUnmount(current, 'volume', doers, keys.mount))
    if (doers.isUp(current)) {
      const { id, name, mountPoint } = current
      list.push(
        {
          key: `open ${id}`,
          group: 'volume',
          label: words.open(name),
          shortcut: keys.open,
          run: () => doers.openFolder(current),
        },
        {
          key: `copy ${id}`,
          group: 'volume',
          label: words.copyPath(name),
          run: () => doers.copy(mountPoint),
        },
      )
    }
    for (const [at, tab] of VOLUME_TABS.entries())
      list.push({
        key: `tab ${tab}`,
        group: 'volume',
        label: s.shell.tabs[tab],
        shortcut: `mod+${at + 1}`,
        run: () => doers.go(volumeHref(current.id, tab)),
      })
    for (const kind of CARE_KINDS)
      list.push({
        key: `care ${kind}`,
        group: 'volume',
        label: words.care[kind](current.name),
        run: () => doers.care(current, kind),
      })
    if (current.origin === 'profile')
      for (const kind of ['export', 'remove', 'destroy'] as const)
        list.push({
          key: `dialog ${kind}`,
          group: 'volume',
          label: words.dialogs[kind](current.name),
          run: () => doers.openDialog(kind, current),
        })
  }
  for (const volume of volumes) {
    if (volume === current) continue
    list.push({
      key: `go ${volume.id}`,
      group: 'volumes',
      label: volume.name,
      volume,
      run: () => doers.go(volumeHref(volume.id)),
    })
  }
  list.push(
    {
      key: 'volumes',
      group: 'pages',
      label: s.shell.allVolumes,
      run: () => doers.go(hrefOf({ page: 'volumes' })),
    },
    {
      key: 'new',
      group: 'pages',
      label: s.shell.newVolume,
      shortcut: keys.newVolume,
      run: () => doers.go(hrefOf({ page: 'new' })),
    },
    {
      key: 'connect',
      group: 'pages',
      label: s.shell.connectVolume,
      run: () => doers.go(hrefOf({ page: 'connect' })),
    },
    {
      key: 'activity',
      group: 'pages',
      label: s.shell.activity,
      shortcut: keys.activity,
      run: () => doers.go(hrefOf({ page: 'activity' })),
    },
    {
      key: 'settings',
      group: 'pages',
      label: s.shell.settings,
      shortcut: keys.settings,
      run: () => doers.go(hrefOf({ page: 'settings' })),
    },
    { key: 'shortcuts', group: 'app', label: words.shortcuts, shortcut: keys.help, run: doers.openHelp },
    ...(['system', 'light', 'dark'] as const).map((theme) => ({
      key: `theme ${theme}`,
      group: 'app' as const,
      label: words.theme[theme],
      run: () => doers.chooseTheme(theme),
    })),
  )
  for (const volume of volumes) if (volume !== current) list.push(mountOrUnmount(volume, 'volumes', doers))
  return list
}

function mountOrUnmount(volume: Volume, group: Command['group'], doers: Doers, shortcut?: string): Command {
  const up = doers.isUp(volume)
  const words = s.shell.palette
  return {
    key: `mount ${volume.id}`,
    group,
    label: up ? words.unmount(volume.name) : words.mount(volume.name),
    shortcut,
    run: () => (up ? doers.unmount(volume) : doers.mount(volume)),
  }
}

/** The commands that have every word, those where a word begins first; at most `limit`. */
export function search(commands: readonly Command[], text: string, limit: number): readonly Command[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return commands.slice(0, limit)
  const ranked: { readonly command: Command; readonly rank: number }[] = []
  for (const command of commands) {
    const rank = rankOf(command.label.toLowerCase(), words)
    if (rank !== undefined) ranked.push({ command, rank })
  }
  return ranked
    .sort((a, b) => a.rank - b.rank)
    .slice(0, limit)
    .map(({ command }) => command)
}

function rankOf(label: string, words: readonly string[]): number | undefined {
  let rank = 0
  for (const word of words) {
    const at = label.indexOf(word)
    if (at < 0) return undefined
    rank += at === 0 ? 0 : /[\s\-_/.]/.test(label[at - 1]!) ? 1 : 2
  }
  return rank
}
