import { activity } from './en/activity.ts'
import { cache } from './en/cache.ts'
import { common } from './en/common.ts'
import { connect } from './en/connect.ts'
import { errors } from './en/errors.ts'
import { files } from './en/files.ts'
import { inspect } from './en/inspect.ts'
import { overview } from './en/overview.ts'
import { settings } from './en/settings.ts'
import { shell } from './en/shell.ts'
import { actions, states } from './en/states.ts'
import { unmount } from './en/unmount.ts'
import { volumeSettings } from './en/volume-settings.ts'
import { volumes } from './en/volumes.ts'
import { wizard } from './en/wizard.ts'

export const en = {
  common,
  errors,
  states,
  actions,
  shell,
  volumes,
  overview,
  unmount,
  wizard,
  connect,
  files,
  cache,
  inspect,
  activity,
  settings,
  volumeSettings,
}
