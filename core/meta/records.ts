/**
 * The records of a volume, as values in memory. What they mean: shared/spec/meta-records.md.
 *
 * Numbers are exact JS numbers: inodes are carried as `base/ino.ts` says; slice ids, lengths and counters at
 * or above 2^53 are refused by the engine as corrupt. Lock owners and ranges are bigint.
 */
import type { Ino } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'

/** Node type codes (the format's own numbers, not S_IF*). */
export const TYPE_FILE = 1
export const TYPE_DIRECTORY = 2
export const TYPE_SYMLINK = 3
export const TYPE_FIFO = 4
export const TYPE_BLOCK = 5
export const TYPE_CHAR = 6
export const TYPE_SOCKET = 7
export type NodeType = 1 | 2 | 3 | 4 | 5 | 6 | 7

/** Attribute flag bits. */
export const FLAG_IMMUTABLE = 0x01
export const FLAG_APPEND = 0x02
export const FLAG_SKIP_TRASH = 0x20

/** Bytes of a file that share one chunk record. */
export const CHUNK_SIZE = 2 ** 26
/** File lengths and offsets stay below this, the largest a JS number counts exactly (the format allows 2^57). */
export const MAX_FILE_SIZE = 2 ** 53
export const MAX_NAME = 255
export const MAX_SYMLINK = 4096

/** The attribute record of a node. */
export interface NodeRecord {
  readonly flags: number
  readonly type: NodeType
  /** The 12 permission bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly atime: number
  readonly atimeNsec: number
  readonly mtime: number
  readonly mtimeNsec: number
  readonly ctime: number
  readonly ctimeNsec: number
  readonly nlink: number
  /** Bytes; 4096 for a directory, target length for a symlink. */
  readonly length: number
  readonly rdev: number
  /** 0 once the node has been hard linked. */
  readonly parent: Ino
  /** 0 = none. */
  readonly accessAcl: number
  readonly defaultAcl: number
  readonly tier: number
  /**
   * The engine's own encoding of what was read, for bytes it holds that no field does. The fields may be newer (a
   * node this client just wrote): encode them over it, never compare it.
   */
  readonly raw?: Uint8Array
}

/** A directory entry: what a name in a directory points at. */
export interface Edge {
  readonly ino: Ino
  readonly type: NodeType
}

/** An edge with the node it points at; `node` is null when the entry dangles. */
export interface Entry {
  readonly ino: Ino
  readonly type: NodeType
  readonly node: NodeRecord | null
}

/** One slice record; 24 bytes when stored. `id` 0 reads as zeros. */
export interface SliceRecord {
  readonly pos: number
  readonly id: number
  readonly size: number
  readonly off: number
  readonly len: number
}

/** A POSIX ACL rule. 0xFFFF in one of the four fields means "not set". */
export interface AclRule {
  readonly owner: number
  readonly group: number
  readonly mask: number
  readonly other: number
  readonly users: readonly AclEntry[]
  readonly groups: readonly AclEntry[]
}

export interface AclEntry {
  readonly id: number
  readonly perm: number
}

export const ACL_UNSET = 0xffff

/** A BSD lock: at most one per (session, owner). */
export interface FlockRecord {
  readonly sid: number
  readonly owner: bigint
  readonly type: 'R' | 'W'
}

/** A byte-range lock. `end` is inclusive; 2^63-1 means "to the end of the file". */
export interface PlockRange {
  readonly type: 'R' | 'W'
  readonly pid: number
  readonly start: bigint
  readonly end: bigint
}

/** All ranges of one owner, sorted by start, disjoint, touching equal ones merged. */
export interface PlockRecord {
  readonly sid: number
  readonly owner: bigint
  readonly ranges: readonly PlockRange[]
}

export interface SessionRecord {
  readonly sid: number
  /** Unix seconds. */
  readonly expire: number
  /** Compact JSON text, kept byte-identical for the session's life; empty if the record is missing. */
  readonly info: string
}

export interface DirStat {
  readonly length: number
  readonly space: number
  readonly inodes: number
}

export type QuotaKind = 'dir' | 'user' | 'group'

export interface Quota {
  /** Bytes; <= 0 means unlimited. */
  readonly maxSpace: number
  readonly maxInodes: number
  readonly usedSpace: number
  readonly usedInodes: number
}

/** A deleted file whose data are still to be removed. `deleted` is in unix seconds. */
export interface DeletedFile {
  readonly ino: Ino
  readonly length: number
  readonly deleted: number
}

/** Slices that a compaction replaced while the trash was on; 12 bytes an item when stored. */
export interface DelayedSlices {
  /** The id of the slice that replaced them: the record's key together with `deleted`. */
  readonly newId: number
  readonly deleted: number
  readonly slices: readonly { readonly id: number; readonly size: number }[]
}

export interface SliceRef {
  readonly id: number
  readonly size: number
  /** How many chunk records use it. */
  readonly uses: number
}

export type CounterName =
  | 'nextInode'
  | 'nextChunk'
  | 'nextSession'
  | 'nextTrash'
  | 'usedSpace'
  | 'totalInodes'

export type GateName =
  | 'nextCleanupSlices'
  | 'lastCleanupSessions'
  | 'lastCleanupFiles'
  | 'lastCleanupTrash'
  | 'lastCleanupChangelog'

/** An xattr as listed. */
export interface Xattr {
  readonly name: Name
  readonly value: Uint8Array
}

/** Round up to 4 KiB; 0 counts 4 KiB. Source: meta-records.md §2.6. */
export function align4K(length: number): number {
  return length === 0 ? 4096 : Math.ceil(length / 4096) * 4096
}

/** Space a node takes in the volume's accounts. */
export function spaceOf(node: Pick<NodeRecord, 'type' | 'length'>): number {
  return node.type === TYPE_FILE ? align4K(node.length) : 4096
}
