/**
 * The states of a volume: one word, one line, one action, the same in the window, the tray, the command line, the
 * log and the API. Runs anywhere.
 */

export const VOLUME_STATES = [
  'unmounted',
  'mounting',
  'mounted',
  'uploading',
  'waiting',
  'read-only',
  'unmounting',
  'failed',
  'unresponsive',
] as const
export type VolumeState = (typeof VOLUME_STATES)[number]

/** The word people read. */
export const STATE_WORDS = {
  unmounted: 'Unmounted',
  mounting: 'Mounting',
  mounted: 'Mounted',
  uploading: 'Uploading',
  waiting: 'Waiting',
  'read-only': 'Read-only',
  unmounting: 'Unmounting',
  failed: 'Failed',
  unresponsive: 'Unresponsive',
} as const satisfies Record<VolumeState, string>

/** How a state looks: `idle` has no colour, the others are the three of the interface. */
export type Tone = 'idle' | 'good' | 'waiting' | 'bad'

export const STATE_TONES = {
  unmounted: 'idle',
  mounting: 'waiting',
  mounted: 'good',
  uploading: 'waiting',
  waiting: 'bad',
  'read-only': 'waiting',
  unmounting: 'waiting',
  failed: 'bad',
  unresponsive: 'bad',
} as const satisfies Record<VolumeState, Tone>

/** What the button beside a state does. */
export const VOLUME_ACTIONS = [
  'mount',
  'cancel',
  'open-folder',
  'show-uploads',
  'details',
  'force',
  'edit-keys',
  'edit-address',
  'restart',
] as const
export type VolumeAction = (typeof VOLUME_ACTIONS)[number]

export const ACTION_LABELS = {
  mount: 'Mount',
  cancel: 'Cancel',
  'open-folder': 'Open folder',
  'show-uploads': 'Show',
  details: 'Details',
  force: 'Force…',
  'edit-keys': 'Edit key',
  'edit-address': 'Edit address',
  restart: 'Restart mount',
} as const satisfies Record<VolumeAction, string>

/** A process that keeps a mount busy. */
export interface HolderInfo {
  readonly pid: number
  readonly command: string
  readonly uses: readonly { readonly how: string; readonly path: string }[]
}

/**
 * How far an unmount has come: writes are being flushed, staged blocks are being uploaded, somebody uses the mount
 * (holders are named, and asked again every second), or the connection is being cut.
 */
export type UnmountStep = 'flushing' | 'uploading' | 'busy' | 'forcing' | 'aborting'

export interface UnmountProgress {
  readonly step: UnmountStep
  readonly pendingBytes: number
  readonly holders: readonly HolderInfo[]
}

export interface VolumeStatus {
  readonly state: VolumeState
  /** The line under the name: what is so, with figures. */
  readonly line: string
  readonly action: VolumeAction | null
  readonly sinceMs: number
  /** `failed`, `waiting`, `read-only`: the whole message, and what to do. */
  readonly detail?: string
  readonly next?: string
  /** `failed` while a restart is due: when, and which attempt that will be. */
  readonly retryAtMs?: number
  readonly attempt?: number
  readonly unmount?: UnmountProgress
}
