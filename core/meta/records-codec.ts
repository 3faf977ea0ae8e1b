/**
 * Packed forms of records: big endian, byte for byte what peers write. Engines use what they need of it (SQL
 * keeps nodes and entries as columns). Slice records are in `slices.ts`.
 *
 * Source: shared/spec/meta-records.md §2, 3, 9, 13, 14.
 */
import { BackendError } from '#core/base/errno.ts'
import { inoFromWords, wireHi, wireLo } from '#core/base/ino.ts'
import type { AclEntry, AclRule, DelayedSlices, Edge, NodeRecord, NodeType, PlockRange } from './records.ts'

const WORD = 2 ** 32
/** Attribute bytes up to rdev, which every record has, and including parent. */
const ATTR_LEAST = 63
const ATTR_FIXED = 71
const ACL_IDS = 8

type DelayedItem = DelayedSlices['slices'][number]

/**
 * The attribute record: 72 bytes, 8 more with ACL ids, 1 more with a tier; always one zero byte at the end.
 * When `node.raw` has bytes beyond what we know, they stay behind the known fields.
 */
export function encodeNode(node: NodeRecord): Buffer {
  const unknown = unknownTail(node.raw)
  const needsIds = node.accessAcl !== 0 || node.defaultAcl !== 0
  const withIds = needsIds || (unknown !== undefined && 1 + unknown.length >= ACL_IDS)
  const tail = unknown === undefined ? (node.tier === 0 ? 1 : 2) : 1 + unknown.length
  const out = Buffer.allocUnsafe(ATTR_FIXED + (withIds ? ACL_IDS : 0) + tail)
  out[out.length - 1] = 0
  out[0] = node.flags
  out.writeUInt16BE((node.type << 12) | (node.mode & 0xfff), 1)
  out.writeUInt32BE(node.uid, 3)
  out.writeUInt32BE(node.gid, 7)
  writeTime(out, 11, node.atime, node.atimeNsec)
  writeTime(out, 23, node.mtime, node.mtimeNsec)
  writeTime(out, 35, node.ctime, node.ctimeNsec)
  out.writeUInt32BE(node.nlink, 47)
  writeU64(out, 51, node.length)
  out.writeUInt32BE(node.rdev, 59)
  out.writeUInt32BE(wireHi(node.parent), 63)
  out.writeUInt32BE(wireLo(node.parent), 67)
  let at = ATTR_FIXED
  if (withIds) {
    out.writeUInt32BE(node.accessAcl, at)
    out.writeUInt32BE(node.defaultAcl, at + 4)
    at += ACL_IDS
  }
  out[at] = node.tier
  if (unknown !== undefined) out.set(unknown, at + 1)
  return out
}

/** An attribute record of any version; decides by the bytes remaining (§2.3). `raw` of the result is `bytes`. */
export function decodeNode(bytes: Uint8Array): NodeRecord {
  const b = view(bytes)
  if (b.length < ATTR_LEAST) throw corrupt(`an attribute record of ${b.length} bytes`)
  const typeMode = b.readUInt16BE(1)
  const parent = b.length >= ATTR_FIXED ? inoFromWords(b.readUInt32BE(63), b.readUInt32BE(67)) : 0
  if (Number.isNaN(parent)) throw corrupt('an attribute record with an impossible parent')
  let at = Math.min(b.length, ATTR_FIXED)
  const hasIds = b.length - at >= ACL_IDS
  const ids = at
  if (hasIds) at += ACL_IDS
  return {
    flags: b[0]!,
    type: (typeMode >> 12) as NodeType,
    mode: typeMode & 0xfff,
    uid: b.readUInt32BE(3),
    gid: b.readUInt32BE(7),
    atime: readI64(b, 11),
    atimeNsec: b.readUInt32BE(19),
    mtime: readI64(b, 23),
    mtimeNsec: b.readUInt32BE(31),
    ctime: readI64(b, 35),
    ctimeNsec: b.readUInt32BE(43),
    nlink: b.readUInt32BE(47),
    length: readU64(b, 51, 'file length'),
    rdev: b.readUInt32BE(59),
    parent,
    accessAcl: hasIds ? b.readUInt32BE(ids) : 0,
    defaultAcl: hasIds ? b.readUInt32BE(ids + 4) : 0,
    tier: b.length > at ? b[at]! : 0,
    raw: bytes,
  }
}

/** What a newer client wrote behind the tier byte; the single padding byte does not count. */
function unknownTail(raw: Uint8Array | undefined): Uint8Array | undefined {
  if (raw === undefined || raw.length <= ATTR_FIXED) return undefined
  const known = ATTR_FIXED + (raw.length - ATTR_FIXED >= ACL_IDS ? ACL_IDS : 0) + 1
  return raw.length - known > 1 ? raw.subarray(known) : undefined
}

/** A directory entry: type code and inode, 9 bytes. */
export function encodeEdge(edge: Edge): Buffer {
  const out = Buffer.allocUnsafe(9)
  out[0] = edge.type
  out.writeUInt32BE(wireHi(edge.ino), 1)
  out.writeUInt32BE(wireLo(edge.ino), 5)
  return out
}

export function decodeEdge(bytes: Uint8Array): Edge {
  const b = view(bytes)
  if (b.length !== 9) throw corrupt(`a directory entry of ${b.length} bytes`)
  const ino = inoFromWords(b.readUInt32BE(1), b.readUInt32BE(5))
  if (Number.isNaN(ino)) throw corrupt('a directory entry with an impossible inode')
  return { ino, type: b[0]! as NodeType }
}

const PLOCK_BYTES = 24
/** Stored types are fcntl numbers: always Linux's (§13). */
const F_RDLCK = 0
const F_WRLCK = 1
/** F_WRLCK of macOS and Windows writers. */
const F_WRLCK_OTHER = 3

/** All ranges of one lock owner, 24 bytes each. */
export function encodePlocks(ranges: readonly PlockRange[]): Buffer {
  const out = Buffer.allocUnsafe(ranges.length * PLOCK_BYTES)
  for (const [k, range] of ranges.entries()) {
    const at = k * PLOCK_BYTES
    out.writeUInt32BE(range.type === 'W' ? F_WRLCK : F_RDLCK, at)
    out.writeUInt32BE(range.pid, at + 4)
    out.writeBigUInt64BE(range.start, at + 8)
    out.writeBigUInt64BE(range.end, at + 16)
  }
  return out
}

export function decodePlocks(bytes: Uint8Array): PlockRange[] {
  const b = view(bytes)
  if (b.length % PLOCK_BYTES !== 0) throw corrupt(`a lock list of ${b.length} bytes`)
  return Array.from({ length: b.length / PLOCK_BYTES }, (_, k) => {
    const at = k * PLOCK_BYTES
    const type = b.readUInt32BE(at)
    return {
      type: type === F_WRLCK || type === F_WRLCK_OTHER ? ('W' as const) : ('R' as const),
      pid: b.readUInt32BE(at + 4),
      start: b.readBigUInt64BE(at + 8),
      end: b.readBigUInt64BE(at + 16),
    }
  })
}

const DELAYED_BYTES = 12

/** The slices of one delayed deletion, 12 bytes each. */
export function encodeDelayed(slices: readonly DelayedItem[]): Buffer {
  const out = Buffer.allocUnsafe(slices.length * DELAYED_BYTES)
  for (const [k, { id, size }] of slices.entries()) {
    writeU64(out, k * DELAYED_BYTES, id)
    out.writeUInt32BE(size, k * DELAYED_BYTES + 8)
  }
  return out
}

/** Undefined for a corrupt record (empty, or no multiple of 12), which is to be skipped (§9). */
export function decodeDelayed(bytes: Uint8Array): DelayedItem[] | undefined {
  const b = view(bytes)
  if (b.length === 0 || b.length % DELAYED_BYTES !== 0) return undefined
  return Array.from({ length: b.length / DELAYED_BYTES }, (_, k) => ({
    id: readU64(b, k * DELAYED_BYTES, 'slice id'),
    size: b.readUInt32BE(k * DELAYED_BYTES + 8),
  }))
}

const ACL_ENTRY_BYTES = 6

/** Named users or groups without a count, 6 bytes each (the SQL columns). */
export function encodeAclEntries(entries: readonly AclEntry[]): Buffer {
  const out = Buffer.allocUnsafe(entries.length * ACL_ENTRY_BYTES)
  for (const [k, { id, perm }] of entries.entries()) {
    out.writeUInt32BE(id, k * ACL_ENTRY_BYTES)
    out.writeUInt16BE(perm, k * ACL_ENTRY_BYTES + 4)
  }
  return out
}

export function decodeAclEntries(bytes: Uint8Array): AclEntry[] {
  const b = view(bytes)
  if (b.length % ACL_ENTRY_BYTES !== 0) throw corrupt(`an ACL entry list of ${b.length} bytes`)
  return Array.from({ length: b.length / ACL_ENTRY_BYTES }, (_, k) => ({
    id: b.readUInt32BE(k * ACL_ENTRY_BYTES),
    perm: b.readUInt16BE(k * ACL_ENTRY_BYTES + 4),
  }))
}

/** A whole rule: four permissions, then both lists with their counts. */
export function encodeAclRule(rule: AclRule): Buffer {
  const users = encodeAclEntries(rule.users)
  const groups = encodeAclEntries(rule.groups)
  const out = Buffer.allocUnsafe(16 + users.length + groups.length)
  out.writeUInt16BE(rule.owner, 0)
  out.writeUInt16BE(rule.group, 2)
  out.writeUInt16BE(rule.mask, 4)
  out.writeUInt16BE(rule.other, 6)
  out.writeUInt32BE(rule.users.length, 8)
  users.copy(out, 12)
  out.writeUInt32BE(rule.groups.length, 12 + users.length)
  groups.copy(out, 16 + users.length)
  return out
}

export function decodeAclRule(bytes: Uint8Array): AclRule {
  const b = view(bytes)
  const userBytes = b.length >= 12 ? b.readUInt32BE(8) * ACL_ENTRY_BYTES : Number.NaN
  const groupBytes =
    b.length >= 16 + userBytes ? b.readUInt32BE(12 + userBytes) * ACL_ENTRY_BYTES : Number.NaN
  if (b.length !== 16 + userBytes + groupBytes) throw corrupt(`an ACL rule of ${b.length} bytes`)
  return {
    owner: b.readUInt16BE(0),
    group: b.readUInt16BE(2),
    mask: b.readUInt16BE(4),
    other: b.readUInt16BE(6),
    users: decodeAclEntries(b.subarray(12, 12 + userBytes)),
    groups: decodeAclEntries(b.subarray(16 + userBytes)),
  }
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function writeTime(out: Buffer, at: number, sec: number, nsec: number): void {
  out.writeInt32BE(Math.floor(sec / WORD), at)
  out.writeUInt32BE(sec >>> 0, at + 4)
  out.writeUInt32BE(nsec, at + 8)
}

function readI64(b: Buffer, at: number): number {
  return b.readInt32BE(at) * WORD + b.readUInt32BE(at + 4)
}

function writeU64(out: Buffer, at: number, value: number): void {
  out.writeUInt32BE(Math.floor(value / WORD), at)
  out.writeUInt32BE(value >>> 0, at + 4)
}

function readU64(b: Buffer, at: number, what: string): number {
  const value = b.readUInt32BE(at) * WORD + b.readUInt32BE(at + 4)
  if (value > Number.MAX_SAFE_INTEGER) throw corrupt(`a ${what} this client cannot count`)
  return value
}

function corrupt(what: string): BackendError {
  return new BackendError('corrupt', `metadata holds ${what}`)
}
