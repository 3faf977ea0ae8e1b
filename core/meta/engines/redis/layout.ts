/**
 * Keys, hash fields and members of a volume. All are ASCII but the fields that are file or xattr names, which travel as
 * byte strings: one character of such a string is one byte on the wire.
 *
 * Source: shared/spec/meta-redis.md §2.
 */
import { type Ino, inoFromBigInt, inoText } from '#core/base/ino.ts'
import type { CounterName, GateName, QuotaKind } from '#core/meta/records.ts'

export interface StatKeys {
  readonly length: string
  readonly space: string
  readonly inodes: string
}

export interface QuotaKeys {
  readonly limits: string
  readonly space: string
  readonly inodes: string
}

/** Kinds of keys that end in an inode number. */
export const NUMBERED = {
  node: 'i',
  entries: 'd',
  parents: 'p',
  symlink: 's',
  xattrs: 'x',
  flocks: 'lockf',
  plocks: 'lockp',
} as const

/** Every other key of a volume, besides chunks and those of sessions. */
const FIXED = [
  'setting',
  'allSessions',
  'sessionInfos',
  'delfiles',
  'delSlices',
  'sliceRef',
  'detachedNodes',
  'dirDataLength',
  'dirUsedSpace',
  'dirUsedInodes',
  'dirQuota',
  'dirQuotaUsedSpace',
  'dirQuotaUsedInodes',
  'userQuota',
  'userQuotaUsedSpace',
  'userQuotaUsedInodes',
  'groupQuota',
  'groupQuotaUsedSpace',
  'groupQuotaUsedInodes',
  'acl',
  'krbToken',
  'usedSpace',
  'totalInodes',
  'nextinode',
  'nextchunk',
  'nextsession',
  'nextTrash',
  'aclMaxId',
  'krbTokenMaxId',
  'nextCleanupSlices',
  'lastCleanupSessions',
  'lastCleanupFiles',
  'lastCleanupTrash',
  'lastCleanupChangelog',
  'txnLog',
  'txnLastLog',
  'sessions',
] as const
const FIXED_KEYS: ReadonlySet<string> = new Set(FIXED)

export class Layout {
  /** '' or `{db}`. */
  readonly prefix: string
  readonly setting: string
  readonly allSessions: string
  readonly sessionInfos: string
  /** Sessions of clients before 1.0-beta3; never prefixed, so out of reach on a cluster. */
  readonly legacySessions: string | undefined
  readonly deletedFiles: string
  readonly delayedSlices: string
  readonly sliceRefs: string
  readonly detached: string
  readonly usedSpace: string
  readonly totalInodes: string
  readonly acls: string
  readonly lastAcl: string
  readonly dirStats: StatKeys
  readonly quotas: Readonly<Record<QuotaKind, QuotaKeys>>

  constructor(prefix: string) {
    this.prefix = prefix
    this.setting = `${prefix}setting`
    this.allSessions = `${prefix}allSessions`
    this.sessionInfos = `${prefix}sessionInfos`
    this.legacySessions = prefix === '' ? 'sessions' : undefined
    this.deletedFiles = `${prefix}delfiles`
    this.delayedSlices = `${prefix}delSlices`
    this.sliceRefs = `${prefix}sliceRef`
    this.detached = `${prefix}detachedNodes`
    this.usedSpace = `${prefix}usedSpace`
    this.totalInodes = `${prefix}totalInodes`
    this.acls = `${prefix}acl`
    this.lastAcl = `${prefix}aclMaxId`
    this.dirStats = {
      length: `${prefix}dirDataLength`,
      space: `${prefix}dirUsedSpace`,
      inodes: `${prefix}dirUsedInodes`,
    }
    const quota = (of: QuotaKind): QuotaKeys => ({
      limits: `${prefix}${of}Quota`,
      space: `${prefix}${of}QuotaUsedSpace`,
      inodes: `${prefix}${of}QuotaUsedInodes`,
    })
    this.quotas = { dir: quota('dir'), user: quota('user'), group: quota('group') }
  }

  node(ino: Ino): string {
    return `${this.prefix}i${inoText(ino)}`
  }

  entries(parent: Ino): string {
    return `${this.prefix}d${inoText(parent)}`
  }

  parents(ino: Ino): string {
    return `${this.prefix}p${inoText(ino)}`
  }

  chunk(ino: Ino, index: number): string {
    return `${this.prefix}c${inoText(ino)}_${index}`
  }

  /** Keys of a file's chunks, up to the index. */
  chunkStart(ino: Ino): string {
    return `${this.prefix}c${inoText(ino)}_`
  }

  get chunkPattern(): string {
    return `${this.prefix}c[0-9]*_*`
  }

  pattern(kind: keyof typeof NUMBERED): string {
    return `${this.prefix}${NUMBERED[kind]}[0-9]*`
  }

  symlink(ino: Ino): string {
    return `${this.prefix}s${inoText(ino)}`
  }

  xattrs(ino: Ino): string {
    return `${this.prefix}x${inoText(ino)}`
  }

  flocks(ino: Ino): string {
    return `${this.prefix}lockf${inoText(ino)}`
  }

  plocks(ino: Ino): string {
    return `${this.prefix}lockp${inoText(ino)}`
  }

  /** The lock keys in which a session has something. */
  locked(sid: number): string {
    return `${this.prefix}locked${sid}`
  }

  sustained(sid: number): string {
    return `${this.prefix}session${sid}`
  }

  /** Field of a directory in the hashes of statistics and quotas; of an owner, whose number is small. */
  fieldOf(id: Ino): string {
    return inoText(id)
  }

  /** Three counters are written in lower case (§11). */
  counter(name: CounterName | GateName): string {
    switch (name) {
      case 'nextInode':
      case 'nextChunk':
      case 'nextSession':
        return this.prefix + name.toLowerCase()
      default:
        return this.prefix + name
    }
  }

  /** The inode of a key of that kind; undefined for any other key. */
  inoOf(kind: keyof typeof NUMBERED, key: string): Ino | undefined {
    const start = this.prefix + NUMBERED[kind]
    return key.startsWith(start) ? inoFromText(key.slice(start.length)) : undefined
  }

  chunkOf(key: string): { readonly ino: Ino; readonly index: number } | undefined {
    if (!key.startsWith(`${this.prefix}c`)) return undefined
    const [, number, index] = /^(\d+)_(\d+)$/.exec(key.slice(this.prefix.length + 1)) ?? []
    const ino = number === undefined ? undefined : inoFromText(number)
    return ino === undefined ? undefined : { ino, index: Number(index) }
  }

  /** Whether the key can be of a volume, of any version. */
  owns(key: string): boolean {
    if (key === this.legacySessions) return true
    if (!key.startsWith(this.prefix)) return false
    const rest = key.slice(this.prefix.length)
    return FIXED_KEYS.has(rest) || /^([idpsxc]|lock[fp]|locked|session)\d+$|^[ck]\d+_\d+$/.test(rest)
  }
}

/** From decimal text; undefined when it is none, or a number that no volume can hold. */
export function inoFromText(text: string): Ino | undefined {
  if (!/^\d{1,19}$/.test(text)) return undefined
  const ino = text.length < 16 ? Number(text) : inoFromBigInt(BigInt(text))
  return Number.isNaN(ino) ? undefined : ino
}

/** Field of a lock owner: the owner as 16 upper-case hex digits. */
export function ownerField(sid: number, owner: bigint): string {
  return `${sid}_${owner.toString(16).toUpperCase().padStart(16, '0')}`
}

/** Undefined when it is no such field. */
export function ownerOfField(field: string): { readonly sid: number; readonly owner: bigint } | undefined {
  const [, sid, owner] = /^(\d+)_([0-9A-Fa-f]{1,16})$/.exec(field) ?? []
  return owner === undefined ? undefined : { sid: Number(sid), owner: BigInt(`0x${owner}`) }
}

export function sliceField(id: number, size: number): string {
  return `k${id}_${size}`
}

export function delayedField(newId: number, deleted: number): string {
  return `${newId}_${deleted}`
}

export function deletedMember(ino: Ino, length: number): string {
  return `${inoText(ino)}:${length}`
}
