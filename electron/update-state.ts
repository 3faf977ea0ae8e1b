/** Updates as the window shows them, and when they are looked for. No Electron in here. */
import type { UpdateState } from '#core/api/bridge.ts'

export type UpdateEvent =
  | { readonly kind: 'checking' }
  | { readonly kind: 'none'; readonly atMs: number }
  | { readonly kind: 'available'; readonly version: string }
  | { readonly kind: 'progress'; readonly percent: number }
  | { readonly kind: 'downloaded'; readonly version: string }
  | { readonly kind: 'error'; readonly message: string; readonly atMs: number }

export interface UpdateSurroundings {
  readonly isPackaged: boolean
  /** app-update.yml lies beside the program: it was packed with a place to publish. */
  readonly hasFeed: boolean
  readonly channel: 'release' | 'beta' | 'none'
}

/** Undefined: updates are looked for. Otherwise why not. */
export function updatesOff({ isPackaged, hasFeed, channel }: UpdateSurroundings): UpdateState | undefined {
  const off = (line: string): UpdateState => ({ step: 'off', line })
  if (!isPackaged) return off('This is a checkout: update it with git.')
  if (!hasFeed) return off('This package was built without an update address: update it as you installed it.')
  if (channel === 'none') return off('Updates are switched off in the settings.')
  return undefined
}

export const UPDATE_IDLE: UpdateState = { step: 'idle', line: 'Updates are looked for once a day.' }

export function nextUpdateState(state: UpdateState, event: UpdateEvent): UpdateState {
  // What is downloaded stays ready, whatever a later check says.
  if (state.step === 'ready' && event.kind !== 'downloaded') return state
  switch (event.kind) {
    case 'checking':
      return { ...state, step: 'checking', line: 'Looking for an update…' }
    case 'none':
      return { step: 'idle', line: 'This is the newest version.', checkedMs: event.atMs }
    case 'available':
      return { step: 'available', line: `Version ${event.version} is there.`, version: event.version }
    case 'progress': {
      const percent = Math.max(0, Math.min(100, Math.floor(event.percent)))
      return {
        ...state,
        step: 'downloading',
        line: `${versionOf(state)} is downloading: ${percent} %.`,
        percent,
      }
    }
    case 'downloaded':
      return {
        step: 'ready',
        line: `Version ${event.version} is downloaded. Volumes stay mounted while it is installed.`,
        version: event.version,
      }
    case 'error':
      return { step: 'failed', line: `The update failed: ${event.message}`, checkedMs: event.atMs }
    default:
      return event satisfies never
  }
}

function versionOf({ version }: UpdateState): string {
  return version === undefined ? 'The update' : `Version ${version}`
}
