/** The settings of a volume on this computer, as fields of a form and back. */
import type { MountSettings, Profile, UpdateInput } from '#core/api/volumes.ts'
import { bytes, parseBytes } from '../../format/bytes.ts'

export interface HereForm {
  readonly name: string
  readonly mountPoint: string
  readonly mountAtLogin: boolean
  readonly readOnly: boolean
  readonly writeback: boolean
  readonly allowOther: boolean
  readonly xattr: boolean
  readonly subdir: string
  readonly cacheDir: string
  /** Empty: as in the settings of Pomelo. */
  readonly cacheText: string
}

export function formOf({ name, mountPoint, mountAtLogin, settings }: Profile): HereForm {
  return {
    name,
    mountPoint,
    mountAtLogin,
    readOnly: settings.readOnly ?? false,
    writeback: settings.writeback ?? false,
    allowOther: settings.allowOther ?? false,
    xattr: settings.xattr ?? true,
    subdir: settings.subdir ?? '',
    cacheDir: settings.cacheDir ?? '',
    cacheText: settings.cacheBytes === undefined ? '' : bytes(settings.cacheBytes),
  }
}

/** Undefined: the default; null: not a size. */
export function cacheBytesOf({ cacheText }: HereForm): number | undefined | null {
  return cacheText.trim() === '' ? undefined : (parseBytes(cacheText) ?? null)
}

/** What is sent: settings that the form does not show stay. Undefined while a field is wrong. */
export function updateOf(form: HereForm, profile: Profile): UpdateInput | undefined {
  const typed = cacheBytesOf(form)
  if (typed === null || form.name.trim() === '' || form.mountPoint.trim() === '') return undefined
  const before = profile.settings.cacheBytes
  // A size that was only shown, rounded, is not one that was typed.
  const cacheBytes = before !== undefined && bytes(before) === form.cacheText ? before : typed
  const { readOnly, writeback, allowOther, xattr } = form
  const settings: MountSettings = {
    ...profile.settings,
    readOnly,
    writeback,
    allowOther,
    xattr,
    cacheBytes,
    subdir: form.subdir.trim() === '' ? undefined : form.subdir.trim(),
    cacheDir: form.cacheDir.trim() === '' ? undefined : form.cacheDir.trim(),
  }
  return {
    id: profile.id,
    name: form.name.trim(),
    mountPoint: form.mountPoint.trim(),
    mountAtLogin: form.mountAtLogin,
    settings,
  }
}
