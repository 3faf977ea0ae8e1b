/** The words of `-o`: which are flags of mount(2), which are ours, which go to the kernel's FUSE. */

/** Source: include/uapi/linux/mount.h. */
export const MS_RDONLY = 1
export const MS_NOSUID = 2
export const MS_NODEV = 4

/** Bits that a word sets, or clears. */
const SET: Readonly<Record<string, number>> = {
  ro: MS_RDONLY,
  nosuid: MS_NOSUID,
  nodev: MS_NODEV,
  noexec: 8,
  sync: 16,
  dirsync: 128,
  noatime: 1024,
  nodiratime: 2048,
  relatime: 1 << 21,
  strictatime: 1 << 24,
  lazytime: 1 << 25,
}
const CLEAR: Readonly<Record<string, number>> = {
  rw: MS_RDONLY,
  suid: MS_NOSUID,
  dev: MS_NODEV,
  exec: 8,
  async: 16,
  atime: 1024,
  diratime: 2048,
}
/** Words of fstab and of mount(8) that say nothing to the kernel. */
const IGNORED =
  /^(|defaults|auto|noauto|user|users|nouser|owner|group|nofail|_netdev|debug|nonempty|x-.*|comment=.*)$/
/** Words that we set ourselves. */
const OURS = /^(fd|rootmode|user_id|group_id|fsname|subtype|max_read)=/

export interface MountWords {
  /** MS_* of mount(2). */
  readonly flags: number
  /** For the FUSE part of the mount call, in order. */
  readonly data: readonly string[]
  /** For fusermount3: the flags' words and `data`. */
  readonly words: readonly string[]
  readonly readOnly: boolean
  readonly writebackCache: boolean
  readonly asyncDio: boolean
  readonly nonempty: boolean
}

export interface MountSwitches {
  readonly allowOther: boolean
  readonly readOnly: boolean
  readonly defaultPermissions: boolean
  readonly maxRead: number
  readonly extra: readonly string[]
}

export function mountWords(switches: MountSwitches): MountWords {
  let flags = MS_NOSUID | MS_NODEV | (switches.readOnly ? MS_RDONLY : 0)
  const data: string[] = [`max_read=${switches.maxRead}`]
  const words: string[] = switches.readOnly ? ['ro'] : []
  if (switches.defaultPermissions) data.push('default_permissions')
  if (switches.allowOther) data.push('allow_other')
  const extra = switches.extra.flatMap((word) => word.split(',')).map((word) => word.trim())
  for (const word of extra) {
    if (word === 'rw' && switches.readOnly) continue
    if (IGNORED.test(word) || OURS.test(word) || word === 'writeback_cache' || word === 'async_dio') continue
    const set = SET[word]
    const clear = CLEAR[word]
    if (set !== undefined) flags |= set
    else if (clear !== undefined) flags &= ~clear
    else if (!data.includes(word)) data.push(word)
    if ((set ?? clear) !== undefined && !words.includes(word)) words.push(word)
  }
  return {
    flags,
    data,
    words: [...words, ...data],
    readOnly: (flags & MS_RDONLY) !== 0,
    writebackCache: extra.includes('writeback_cache'),
    asyncDio: extra.includes('async_dio'),
    nonempty: extra.includes('nonempty'),
  }
}
