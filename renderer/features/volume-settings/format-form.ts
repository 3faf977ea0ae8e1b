/** Settings stored with a volume, as fields of a form, and the change they come to. */
import type { FormatChange, VolumeFormat } from '#core/api/volumes.ts'
import { bytes, parseBytes } from '../../format/bytes.ts'
import { count } from '../../format/number.ts'

export interface FormatForm {
  readonly capacityText: string
  readonly inodesText: string
  readonly trashDays: number
  readonly acl: boolean
}

export function formOfFormat({ capacityBytes, inodes, trashDays, acl }: VolumeFormat): FormatForm {
  return {
    capacityText: capacityBytes === 0 ? '' : bytes(capacityBytes),
    inodesText: inodes === 0 ? '' : count(inodes),
    trashDays,
    acl,
  }
}

export function isSize(text: string): boolean {
  return text.trim() === '' || parseBytes(text) !== undefined
}

export function isCount(text: string): boolean {
  return /^\d{0,15}$/.test(text.replace(/[\s,.']/g, ''))
}

/** Only what was changed; undefined while a field is wrong. */
export function changeOf(form: FormatForm, format: VolumeFormat): Omit<FormatChange, 'id'> | undefined {
  if (!isSize(form.capacityText) || !isCount(form.inodesText)) return undefined
  const before = formOfFormat(format)
  return {
    ...(form.capacityText === before.capacityText
      ? {}
      : { capacityBytes: parseBytes(form.capacityText) ?? 0 }),
    ...(form.inodesText === before.inodesText
      ? {}
      : { inodes: Number(form.inodesText.replace(/[\s,.']/g, '')) }),
    ...(form.trashDays === format.trashDays ? {} : { trashDays: form.trashDays }),
    ...(form.acl && !format.acl ? { acl: true as const } : {}),
  }
}
