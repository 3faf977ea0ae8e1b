/** The answers of the wizard, what is wrong with them, and what they come to. */
import { bucketOf, STORE_PRESETS, type StorePreset } from '#core/api/presets.ts'
import type { GeneratedKey } from '#core/api/probes.ts'
import type { CreateInput, EngineKind } from '#core/api/volumes.ts'
import { parseBytes } from '../../format/bytes.ts'

export type DraftEngine = EngineKind

export interface Draft {
  readonly name: string
  readonly engine: DraftEngine
  /** Typed addresses by engine; empty: the default. */
  readonly addresses: Readonly<Record<DraftEngine, string>>
  readonly metaPassword: string
  readonly presetKey: string
  readonly fields: Readonly<Record<string, string>>
  readonly accessKey: string
  readonly secretKey: string
  readonly blockBytes: number
  readonly compression: 'none' | 'lz4' | 'zstd'
  readonly trashDays: number
  readonly capacityText: string
  readonly inodesText: string
  readonly acl: boolean
  readonly hashPrefix: boolean
  readonly encrypt: boolean
  readonly key: GeneratedKey | null
  /** The recovery key was shown to be saved. */
  readonly keyProven: boolean
  /** Empty: the default. */
  readonly mountPoint: string
  readonly mountNow: boolean
  readonly mountAtLogin: boolean
  readonly writeback: boolean
}

/** Places of this computer that defaults are made of. */
export interface Places {
  readonly stateDir: string
  readonly mountFolder: string
}

export const FIRST_DRAFT: Draft = {
  name: '',
  engine: 'sqlite',
  addresses: { sqlite: '', redis: '', postgres: '', tikv: '', etcd: '' },
  metaPassword: '',
  presetKey: 'folder',
  fields: {},
  accessKey: '',
  secretKey: '',
  blockBytes: 4 * 2 ** 20,
  compression: 'none',
  trashDays: 1,
  capacityText: '',
  inodesText: '',
  acl: false,
  hashPrefix: false,
  encrypt: false,
  key: null,
  keyProven: false,
  mountPoint: '',
  mountNow: true,
  mountAtLogin: false,
  writeback: false,
}

/** TiKV knows its clients by their certificates, which the address names. */
export function hasPassword(engine: DraftEngine): boolean {
  return engine !== 'sqlite' && engine !== 'tikv'
}

const NAME = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/

export function isName(text: string): boolean {
  return NAME.test(text)
}

/** A name as the format takes it, from what people type: spaces and capitals become hyphens and small letters. */
export function asName(text: string): string {
  return text
    .toLowerCase()
    .replace(/[\s_.]+/g, '-')
    .replace(/[^a-z0-9-]/g, '')
    .slice(0, 63)
}

export function metaUrlOf({ engine, addresses, name }: Draft, { stateDir }: Places): string {
  const typed = addresses[engine].trim()
  if (engine !== 'sqlite') return typed
  return `sqlite3://${typed === '' ? `${stateDir}/volumes/${name}.db` : typed.replace(/^sqlite3:\/\//, '')}`
}

export function presetOf({ presetKey }: Draft): StorePreset {
  return STORE_PRESETS.find(({ key }) => key === presetKey)!
}

/** Undefined while a field is empty. */
export function bucketOfDraft(draft: Draft, { stateDir }: Places): string | undefined {
  const preset = presetOf(draft)
  const fields = { ...draft.fields }
  if (preset.key === 'folder' && (fields.folder ?? '') === '')
    fields.folder = `${stateDir}/volumes/${draft.name}-data`
  return bucketOf(preset, fields)
}

export function mountPointOf({ mountPoint, name }: Draft, { mountFolder }: Places): string {
  return mountPoint.trim() === '' ? `${mountFolder}/${name}` : mountPoint.trim()
}

/** Bytes; 0: no limit; undefined: not a size. */
export function capacityOf({ capacityText }: Draft): number | undefined {
  return capacityText.trim() === '' ? 0 : parseBytes(capacityText)
}

/** 0: no limit; undefined: not a number. */
export function inodesOf({ inodesText }: Draft): number | undefined {
  const digits = inodesText.replace(/[\s,.']/g, '')
  if (digits === '') return 0
  return /^\d{1,15}$/.test(digits) ? Number(digits) : undefined
}

/** What the daemon is asked to make. Undefined while an answer is missing. */
export function createInputOf(draft: Draft, places: Places): CreateInput | undefined {
  const bucket = bucketOfDraft(draft, places)
  const capacityBytes = capacityOf(draft)
  const inodes = inodesOf(draft)
  if (!isName(draft.name) || bucket === undefined || capacityBytes === undefined || inodes === undefined)
    return undefined
  if (draft.encrypt && (draft.key === null || !draft.keyProven)) return undefined
  const key = draft.encrypt ? draft.key : null
  const { needsKeys, storage } = presetOf(draft)
  return {
    name: draft.name,
    mountPoint: mountPointOf(draft, places),
    mountAtLogin: draft.mountAtLogin,
    mountNow: draft.mountNow,
    settings: draft.writeback ? { writeback: true } : {},
    secrets: {
      ...(draft.metaPassword === '' || !hasPassword(draft.engine)
        ? {}
        : { metaPassword: draft.metaPassword }),
      ...(needsKeys ? { accessKey: draft.accessKey.trim(), secretKey: draft.secretKey.trim() } : {}),
      ...(key === null ? {} : { passphrase: key.recoveryKey }),
    },
    format: {
      metaUrl: metaUrlOf(draft, places),
      volumeName: draft.name,
      storage,
      bucket,
      blockBytes: draft.blockBytes,
      compression: draft.compression,
      trashDays: draft.trashDays,
      capacityBytes,
      inodes,
      acl: draft.acl,
      hashPrefix: draft.hashPrefix,
      ...(key === null ? {} : { encryptionKeyPem: key.keyPem }),
    },
  }
}
