/**
 * What a mount through fuse-native cannot do. Its API is libfuse 2's path-based one: 34 operations, no caller, no
 * flags on rename, no locks beyond this computer. Shown by `pomelo doctor` and in docs/macos.md.
 */
import type { Finding } from '#core/base/finding.ts'

export interface DriverLimit {
  /** Kebab-case and stable. */
  readonly code: string
  /** What does not work, and what happens instead. */
  readonly sentence: string
  /** `warning`: programs may lose something by it; `note`: slower, or seldom met. */
  readonly level: 'note' | 'warning'
}

export const NATIVE_DRIVER_LIMITS: readonly DriverLimit[] = [
  {
    code: 'no-shared-locks',
    level: 'warning',
    sentence:
      'flock(2) and fcntl(2) locks hold between programs of this computer only: other clients of the volume do not see them.',
  },
  {
    code: 'one-user',
    level: 'warning',
    sentence:
      'Who calls is not known: what is made belongs to the user who mounted, also when others are let in.',
  },
  {
    code: 'no-acl',
    level: 'warning',
    sentence: 'POSIX ACLs are neither applied nor shown; permission bits are.',
  },
  {
    code: 'one-time-alone',
    level: 'warning',
    sentence:
      'Setting only the access time or only the modification time (touch -a, touch -m) does nothing; both at once (cp -p, tar, rsync) works.',
  },
  {
    code: 'no-rename-flags',
    level: 'note',
    sentence: 'RENAME_NOREPLACE, RENAME_EXCHANGE and O_TMPFILE are refused (EINVAL, EOPNOTSUPP).',
  },
  {
    code: 'no-fallocate',
    level: 'note',
    sentence:
      'fallocate(2), copy_file_range(2) inside the volume, SEEK_HOLE and ioctl (chattr) are not passed on; the kernel or libc does without where it can.',
  },
  {
    code: 'hidden-names',
    level: 'note',
    sentence:
      'A file removed while open is renamed to .fuse_hidden… until it is closed; after a crash that name stays in the volume.',
  },
  {
    code: 'hard-links-apart',
    level: 'note',
    sentence:
      'Inode numbers are libfuse’s own, and hard links of one file show different ones and may lag each other by a second: programs copy each.',
  },
  {
    code: 'milliseconds',
    level: 'note',
    sentence: 'Times are told to the millisecond.',
  },
  {
    code: 'names-utf8',
    level: 'note',
    sentence: 'Names that are not UTF-8 cannot be reached.',
  },
  {
    code: 'no-invalidation',
    level: 'note',
    sentence:
      'The kernel is not told of changes made by other clients: it asks again after a second, and at every open.',
  },
  {
    code: 'no-virtual-files',
    level: 'note',
    sentence: 'The virtual files .stats, .config and .accesslog read as empty.',
  },
  {
    code: 'whole-listings',
    level: 'note',
    sentence:
      'A directory is listed as a whole, in memory, and every entry is asked for by itself: large ones are slow.',
  },
  {
    code: 'small-requests',
    level: 'note',
    sentence:
      'Requests hold at most 128 KiB and cross two threads: about three times as slow as the pump per operation.',
  },
]

/** The limits as findings, for whoever mounts with this driver. */
export function nativeDriverFindings(): Finding[] {
  return NATIVE_DRIVER_LIMITS.map(({ code, level, sentence }) => ({
    level,
    code: `fuse-native-${code}`,
    sentence,
  }))
}
