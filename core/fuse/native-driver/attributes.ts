/** Attributes and sizes as fuse-native carries them: 32-bit words, times in milliseconds. */
import type { FileAttr, StatfsReply } from '../filesystem.ts'

export interface NativeStat {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly nlink: number
  readonly rdev: number
  readonly blksize: number
  readonly blocks: number
  /** Milliseconds. */
  readonly atime: number
  readonly mtime: number
  readonly ctime: number
}

export function nativeStat(attr: FileAttr): NativeStat {
  return {
    mode: attr.mode,
    uid: attr.uid,
    gid: attr.gid,
    size: attr.size,
    nlink: attr.nlink,
    rdev: attr.rdev,
    blksize: attr.blksize,
    blocks: attr.blocks,
    atime: milliseconds(attr.atime, attr.atimeNsec),
    mtime: milliseconds(attr.mtime, attr.mtimeNsec),
    ctime: milliseconds(attr.ctime, attr.ctimeNsec),
  }
}

/** Times before 1970 have no place in the driver's unsigned words. */
function milliseconds(sec: number, nsec: number): number {
  return Math.max(0, sec * 1000 + Math.floor(nsec / 1e6))
}

export interface NativeStatfs {
  readonly bsize: number
  readonly frsize: number
  readonly blocks: number
  readonly bfree: number
  readonly bavail: number
  readonly files: number
  readonly ffree: number
  readonly favail: number
  readonly namemax: number
}

const WORD = 2 ** 32 - 1

/** Blocks are counted in 32 bits: a volume of a petabyte is told in larger blocks. */
export function nativeStatfs(space: StatfsReply): NativeStatfs {
  let scale = 1
  while (space.blocks / scale > WORD) scale *= 2
  const blocks = (count: number): number => Math.floor(count / scale)
  const inodes = (count: number): number => Math.min(WORD, count)
  return {
    bsize: space.bsize * scale,
    frsize: space.frsize * scale,
    blocks: blocks(space.blocks),
    bfree: blocks(space.bfree),
    bavail: blocks(space.bavail),
    files: inodes(space.files),
    ffree: inodes(space.ffree),
    favail: inodes(space.ffree),
    namemax: space.namelen,
  }
}
