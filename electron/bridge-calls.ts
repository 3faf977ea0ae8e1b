/**
 * The messages between preload script and main process: their names, and what their arguments must be. The page is
 * ours, and is checked all the same. No Electron in here.
 */
import type { ChooseFile, SaveFile } from '#core/api/bridge.ts'

export const CALLS = [
  'chooseFolder',
  'chooseFile',
  'chooseSaveAs',
  'reveal',
  'keychain',
  'settingsChanged',
  'signIn',
  'updateState',
  'checkForUpdate',
  'installUpdate',
] as const
export type CallName = (typeof CALLS)[number]

/** Channels carry the prefix, so that no other message is taken for one of ours. */
export const channelOf = (call: CallName): string => `pomelo:${call}`
export const UPDATE_CHANNEL = 'pomelo:update'
/** Main sends: go to this place of the window. */
export const ROUTE_CHANNEL = 'pomelo:route'

const LONGEST_PATH = 4096
const LONGEST_TEXT = 200

/** Errors: TypeError naming the argument; nothing of its content. */
export function dialogOptions(value: unknown): ChooseFile & SaveFile {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object') throw new TypeError('options of a dialog must be an object')
  const { title, defaultPath, defaultName, extensions } = value as Record<string, unknown>
  return {
    title: text('title', title, LONGEST_TEXT),
    defaultPath: defaultPath === undefined ? undefined : absolutePath('defaultPath', defaultPath),
    defaultName: fileName(defaultName),
    extensions: extensionList(extensions),
  }
}

/** Errors: TypeError. */
export function absolutePath(name: string, value: unknown): string {
  const isPath =
    typeof value === 'string' &&
    value.length <= LONGEST_PATH &&
    !value.includes('\0') &&
    value.startsWith('/')
  if (!isPath) throw new TypeError(`${name} must be an absolute path`)
  return value
}

function text(name: string, value: unknown, longest: number): string | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value.length > longest) throw new TypeError(`${name} must be a short text`)
  return value
}

function fileName(value: unknown): string | undefined {
  const name = text('defaultName', value, 255)
  if (name !== undefined && /[/\\\0]/.test(name)) throw new TypeError('defaultName must be a file name')
  return name
}

function extensionList(value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined
  const isList =
    Array.isArray(value) &&
    value.length <= 20 &&
    value.every((item) => typeof item === 'string' && /^\w{1,20}$/.test(item))
  if (!isList) throw new TypeError('extensions must be a list of short words')
  return value as string[]
}
