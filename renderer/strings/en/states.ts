import type { VolumeAction, VolumeState } from '#core/api/states.ts'

type Words<K extends string> = Readonly<Record<K, string>>

// The same words as STATE_WORDS and ACTION_LABELS of core/api (a test compares them), here to be translated.
export const states: Words<VolumeState> = {
  unmounted: 'Unmounted',
  mounting: 'Mounting',
  mounted: 'Mounted',
  uploading: 'Uploading',
  waiting: 'Waiting',
  'read-only': 'Read-only',
  unmounting: 'Unmounting',
  failed: 'Failed',
  unresponsive: 'Unresponsive',
}

export const actions: Words<VolumeAction> = {
  mount: 'Mount',
  cancel: 'Cancel',
  'open-folder': 'Open folder',
  'show-uploads': 'Show',
  details: 'Details',
  force: 'Force…',
  'edit-keys': 'Edit key',
  'edit-address': 'Edit address',
  restart: 'Restart mount',
}
