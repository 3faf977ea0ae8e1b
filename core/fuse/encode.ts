/** From values to reply bytes, written where they will be sent from. Straight-line code (style.md, hot path). */
import { type Ino, wireHi, wireLo } from '#core/base/ino.ts'
import { type Name, nameToBytes } from '#core/base/name.ts'
import * as abi from './abi.ts'
import type {
  AttrReply,
  DirSink,
  EntryReply,
  FileAttr,
  FileLock,
  OpenReply,
  StatfsReply,
} from './filesystem.ts'

const WORD = 2 ** 32
/** Time-outs longer than this (68 years) say the same. */
const MAX_TTL = 2 ** 31

/** The reply buffer, both ways of looking at it. */
export class Output {
  readonly bytes: Buffer
  readonly view: DataView

  constructor(bytes: Buffer) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** @hot */
  u32(at: number, value: number): void {
    this.view.setUint32(at, value, true)
  }

  /** A whole number, negative as two's complement. @hot */
  u64(at: number, value: number): void {
    const hi = Math.floor(value / WORD)
    this.view.setUint32(at, value - hi * WORD, true)
    this.view.setUint32(at + 4, hi, true)
  }

  ino(at: number, ino: Ino): void {
    this.view.setUint32(at, wireLo(ino), true)
    this.view.setUint32(at + 4, wireHi(ino), true)
  }
}

/** @hot */
export function encodeHeader(
  out: Output,
  length: number,
  errno: number,
  uniqueLo: number,
  uniqueHi: number,
): void {
  out.view.setUint32(0, length, true)
  out.view.setInt32(4, -errno, true)
  out.view.setUint32(8, uniqueLo, true)
  out.view.setUint32(12, uniqueHi, true)
}

/** @hot */
export function encodeAttr(out: Output, at: number, attr: FileAttr): void {
  const { view } = out
  const A = abi.ATTR
  out.ino(at + A.ino, attr.ino)
  out.u64(at + A.size, attr.size)
  out.u64(at + A.blocks, attr.blocks)
  out.u64(at + A.atime, attr.atime)
  out.u64(at + A.mtime, attr.mtime)
  out.u64(at + A.ctime, attr.ctime)
  view.setUint32(at + A.atimensec, attr.atimeNsec, true)
  view.setUint32(at + A.mtimensec, attr.mtimeNsec, true)
  view.setUint32(at + A.ctimensec, attr.ctimeNsec, true)
  view.setUint32(at + A.mode, attr.mode, true)
  view.setUint32(at + A.nlink, attr.nlink, true)
  view.setUint32(at + A.uid, attr.uid, true)
  view.setUint32(at + A.gid, attr.gid, true)
  view.setUint32(at + A.rdev, attr.rdev, true)
  view.setUint32(at + A.blksize, attr.blksize, true)
  view.setUint32(at + A.flags, 0, true)
}

/** Seconds with fractions, split as the kernel wants it. @hot */
function encodeTtl(out: Output, secAt: number, nsecAt: number, ttl: number): void {
  const bounded = ttl > 0 ? Math.min(ttl, MAX_TTL) : 0
  const sec = Math.floor(bounded)
  out.u64(secAt, sec)
  out.u32(nsecAt, Math.floor((bounded - sec) * 1e9))
}

/** The generation is always 0: an inode number is never given out twice. @hot */
export function encodeEntry(out: Output, at: number, entry: EntryReply): void {
  const E = abi.ENTRY_OUT
  out.ino(at + E.nodeid, entry.ino)
  out.u64(at + E.generation, 0)
  encodeTtl(out, at + E.entryValid, at + E.entryValidNsec, entry.entryTtl)
  encodeTtl(out, at + E.attrValid, at + E.attrValidNsec, entry.attrTtl)
  encodeAttr(out, at + E.attr, entry.attr)
}

/** @hot */
export function encodeAttrOut(out: Output, at: number, reply: AttrReply): void {
  encodeTtl(out, at + abi.ATTR_OUT.attrValid, at + abi.ATTR_OUT.attrValidNsec, reply.attrTtl)
  out.u32(at + 12, 0)
  encodeAttr(out, at + abi.ATTR_OUT.attr, reply.attr)
}

/** @hot */
export function encodeOpen(out: Output, at: number, reply: OpenReply): void {
  out.u64(at + abi.OPEN_OUT.fh, reply.fh)
  out.u32(at + abi.OPEN_OUT.openFlags, reply.flags)
  out.u32(at + 12, 0)
}

export function encodeStatfs(out: Output, at: number, reply: StatfsReply): void {
  const S = abi.STATFS_OUT
  out.bytes.fill(0, at, at + S.bytes)
  out.u64(at + S.blocks, reply.blocks)
  out.u64(at + S.bfree, reply.bfree)
  out.u64(at + S.bavail, reply.bavail)
  out.u64(at + S.files, reply.files)
  out.u64(at + S.ffree, reply.ffree)
  out.u32(at + S.bsize, reply.bsize)
  out.u32(at + S.namelen, reply.namelen)
  out.u32(at + S.frsize, reply.frsize)
}

export function encodeLock(out: Output, at: number, lock: FileLock): void {
  const L = abi.FILE_LOCK
  out.view.setBigUint64(at + L.start, lock.start, true)
  out.view.setBigUint64(at + L.end, lock.end, true)
  out.u32(at + L.type, lock.type)
  out.u32(at + L.pid, lock.pid)
}

/** One READDIR(PLUS) answer in the making, in a buffer of its own: other replies go out while it fills. */
export class DirBuffer implements DirSink {
  readonly #out: Output
  #limit = 0
  length = 0

  constructor(bytes: Buffer) {
    this.#out = new Output(bytes)
  }

  get bytes(): Buffer {
    return this.#out.bytes
  }

  /** Start an answer of at most `limit` bytes. */
  reset(limit: number): void {
    this.#limit = Math.min(limit, this.#out.bytes.length)
    this.length = 0
  }

  add(name: Name, ino: Ino, type: number, next: number): boolean {
    const end = paddedEnd(this.length + abi.DIRENT.name, name)
    if (end > this.#limit) return false
    this.#dirent(this.length, name, ino, type, next, end)
    this.length = end
    return true
  }

  addPlus(name: Name, entry: EntryReply, next: number): boolean {
    const end = paddedEnd(this.length + abi.DIRENTPLUS.name, name)
    if (end > this.#limit) return false
    encodeEntry(this.#out, this.length, entry)
    this.#dirent(
      this.length + abi.DIRENTPLUS.dirent,
      name,
      entry.attr.ino,
      (entry.attr.mode >>> 12) & 15,
      next,
      end,
    )
    this.length = end
    return true
  }

  #dirent(at: number, name: Name, ino: Ino, type: number, next: number, end: number): void {
    const out = this.#out
    out.ino(at + abi.DIRENT.ino, ino)
    out.u64(at + abi.DIRENT.off, next)
    out.u32(at + abi.DIRENT.namelen, name.length)
    out.u32(at + abi.DIRENT.type, type)
    let padding = at + abi.DIRENT.name + out.bytes.write(name, at + abi.DIRENT.name, 'latin1')
    while (padding < end) out.bytes[padding++] = 0
  }
}

function paddedEnd(nameAt: number, name: Name): number {
  return (nameAt + name.length + 7) & ~7
}

/** Negative `offset`: attributes only; `length` 0: to the end of the file. */
export function encodeInvalInode(ino: Ino, offset: number, length: number): Buffer {
  const N = abi.NOTIFY_INVAL_INODE_OUT
  const out = notification(abi.FUSE_NOTIFY_INVAL_INODE, N.bytes)
  out.ino(abi.OUT_HEADER.bytes + N.ino, ino)
  out.u64(abi.OUT_HEADER.bytes + N.off, offset)
  out.u64(abi.OUT_HEADER.bytes + N.len, length)
  return out.bytes
}

export function encodeInvalEntry(parent: Ino, name: Name): Buffer {
  const N = abi.NOTIFY_INVAL_ENTRY_OUT
  const out = notification(abi.FUSE_NOTIFY_INVAL_ENTRY, N.name + name.length + 1)
  out.ino(abi.OUT_HEADER.bytes + N.parent, parent)
  out.u32(abi.OUT_HEADER.bytes + N.namelen, name.length)
  nameToBytes(name).copy(out.bytes, abi.OUT_HEADER.bytes + N.name)
  return out.bytes
}

/** A message nobody asked for: unique 0, the code where a reply has its error. */
function notification(code: number, bodyBytes: number): Output {
  const out = new Output(Buffer.alloc(abi.OUT_HEADER.bytes + bodyBytes))
  out.u32(abi.OUT_HEADER.len, out.bytes.length)
  out.u32(abi.OUT_HEADER.error, code)
  return out
}
