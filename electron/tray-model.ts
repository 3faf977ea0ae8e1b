/**
 * What the tray and the Volumes menu show, as plain data: state words and actions are those of core/api, and every
 * entry names what it does. No Electron in here.
 */
import { ACTION_LABELS, STATE_TONES, STATE_WORDS, type Tone, type VolumeAction } from '#core/api/states.ts'
import type { Volume } from '#core/api/volumes.ts'
import { bytesText } from './units.ts'

/** What choosing an entry does. */
export type Intent =
  | { readonly do: 'show'; readonly route: string }
  | { readonly do: 'mount' | 'unmount' | 'cancel' | 'restart' | 'open-folder'; readonly id: string }
  | { readonly do: 'open' | 'quit' }

export type MenuEntry =
  | { readonly kind: 'line'; readonly label: string }
  | { readonly kind: 'separator' }
  | { readonly kind: 'item'; readonly label: string; readonly intent: Intent }
  | { readonly kind: 'menu'; readonly label: string; readonly entries: readonly MenuEntry[] }

export interface TrayModel {
  /** The worst of the volumes. */
  readonly tone: Tone
  readonly tooltip: string
  readonly entries: readonly MenuEntry[]
}

/** Menus longer than this are no help; the window lists the rest. */
const MOST_VOLUMES = 20
const MARKS: Readonly<Record<Tone, string>> = { good: '●', waiting: '◐', bad: '▲', idle: '○' }
const SEVERITY: readonly Tone[] = ['idle', 'good', 'waiting', 'bad']

/** `volumes` undefined: the background service does not answer. */
export function trayModel(volumes: readonly Volume[] | undefined): TrayModel {
  return {
    tone: worstTone(volumes),
    tooltip: summaryOf(volumes),
    entries: [
      { kind: 'item', label: 'Open Pomelo', intent: { do: 'open' } },
      { kind: 'line', label: summaryOf(volumes) },
      { kind: 'separator' },
      ...volumeEntries(volumes ?? []),
      { kind: 'separator' },
      { kind: 'item', label: 'Activity', intent: { do: 'show', route: '#/activity' } },
      { kind: 'item', label: 'Settings', intent: { do: 'show', route: '#/settings' } },
      { kind: 'separator' },
      { kind: 'item', label: quitLabel(volumes), intent: { do: 'quit' } },
    ],
  }
}

/** An entry for each volume, for the tray and the menu bar. */
export function volumeEntries(volumes: readonly Volume[]): MenuEntry[] {
  const shown: MenuEntry[] = volumes.slice(0, MOST_VOLUMES).map(volumeEntry)
  if (shown.length === 0)
    shown.push({ kind: 'item', label: 'New volume…', intent: { do: 'show', route: '#/new' } })
  const more = volumes.length - MOST_VOLUMES
  if (more > 0) shown.push({ kind: 'item', label: `${more} more…`, intent: { do: 'show', route: '#/' } })
  return shown
}

function volumeEntry(volume: Volume): MenuEntry {
  const { id, name, status } = volume
  const show = { kind: 'item', label: 'Show in Pomelo', intent: { do: 'show', route: routeOf(id) } } as const
  return {
    kind: 'menu',
    label: `${MARKS[STATE_TONES[status.state]]} ${name} – ${STATE_WORDS[status.state]}`,
    entries: [{ kind: 'line', label: status.line }, { kind: 'separator' }, ...actionEntries(volume), show],
  }
}

/** The one action of the state, and what is always possible while it is mounted. */
function actionEntries({ id, status }: Volume): MenuEntry[] {
  const entries: MenuEntry[] = []
  const add = (label: string, intent: Intent): void => {
    entries.push({ kind: 'item', label, intent })
  }
  if (status.action !== null) add(ACTION_LABELS[status.action], intentOf(status.action, id))
  const isUp = ['mounted', 'uploading', 'waiting', 'read-only'].includes(status.state)
  if (isUp && status.action !== 'open-folder') add(ACTION_LABELS['open-folder'], { do: 'open-folder', id })
  if (isUp) add('Unmount', { do: 'unmount', id })
  return entries
}

/** What needs a question or a form is answered in the window. */
function intentOf(action: VolumeAction, id: string): Intent {
  switch (action) {
    case 'mount':
    case 'cancel':
    case 'restart':
    case 'open-folder':
      return { do: action, id }
    case 'show-uploads':
      return { do: 'show', route: routeOf(id, 'activity') }
    case 'edit-keys':
    case 'edit-address':
      return { do: 'show', route: routeOf(id, 'settings') }
    case 'details':
    case 'force':
      return { do: 'show', route: routeOf(id) }
    default:
      return action satisfies never
  }
}

function routeOf(id: string, tab = 'overview'): string {
  return `#/v/${encodeURIComponent(id)}/${tab}`
}

function worstTone(volumes: readonly Volume[] | undefined): Tone {
  if (volumes === undefined) return 'bad'
  const tones = volumes.map(({ status }) => SEVERITY.indexOf(STATE_TONES[status.state]))
  return SEVERITY[Math.max(0, ...tones)]!
}

/** Safe only when it is. */
function summaryOf(volumes: readonly Volume[] | undefined): string {
  if (volumes === undefined) return 'Pomelo: the background service does not answer'
  const unsafe = volumes.filter((volume) => !volume.safeToShutDown)
  if (unsafe.length > 0) {
    const bytes = unsafe.reduce((sum, { pending }) => sum + pending.bytes, 0)
    return `Pomelo: ${bytesText(bytes)} still to upload`
  }
  const mounted = volumes.filter(({ status }) => status.state !== 'unmounted' && status.state !== 'failed')
  if (mounted.length === 0) return 'Pomelo: nothing is mounted'
  return `Pomelo: safe to shut down, ${mounted.length} mounted`
}

function quitLabel(volumes: readonly Volume[] | undefined): string {
  const isAnyUp = (volumes ?? []).some(({ pid }) => pid !== null)
  return isAnyUp ? 'Quit Pomelo (volumes stay mounted)' : 'Quit Pomelo'
}
