/**
 * The kernel's FUSE protocol as numbers: opcodes, flags, and where the fields of each message are.
 *
 * Little-endian only, as every machine Node 24 runs on with FUSE. Field tables give byte offsets from the start of
 * the structure and its size as `bytes`; names are the kernel's in camel case.
 * Source: include/uapi/linux/fuse.h of Linux 6.18 (protocol 7.45); shared/spec/vfs-and-fuse.md §4.
 */

export const FUSE_KERNEL_VERSION = 7
/** What we speak at most. */
export const FUSE_MINOR = 45
/** What we need at least: Linux 5.4. */
export const FUSE_MINOR_LEAST = 31

export const FUSE_LOOKUP = 1
export const FUSE_FORGET = 2
export const FUSE_GETATTR = 3
export const FUSE_SETATTR = 4
export const FUSE_READLINK = 5
export const FUSE_SYMLINK = 6
export const FUSE_MKNOD = 8
export const FUSE_MKDIR = 9
export const FUSE_UNLINK = 10
export const FUSE_RMDIR = 11
export const FUSE_RENAME = 12
export const FUSE_LINK = 13
export const FUSE_OPEN = 14
export const FUSE_READ = 15
export const FUSE_WRITE = 16
export const FUSE_STATFS = 17
export const FUSE_RELEASE = 18
export const FUSE_FSYNC = 20
export const FUSE_SETXATTR = 21
export const FUSE_GETXATTR = 22
export const FUSE_LISTXATTR = 23
export const FUSE_REMOVEXATTR = 24
export const FUSE_FLUSH = 25
export const FUSE_INIT = 26
export const FUSE_OPENDIR = 27
export const FUSE_READDIR = 28
export const FUSE_RELEASEDIR = 29
export const FUSE_FSYNCDIR = 30
export const FUSE_GETLK = 31
export const FUSE_SETLK = 32
export const FUSE_SETLKW = 33
export const FUSE_ACCESS = 34
export const FUSE_CREATE = 35
export const FUSE_INTERRUPT = 36
export const FUSE_BMAP = 37
export const FUSE_DESTROY = 38
export const FUSE_IOCTL = 39
export const FUSE_POLL = 40
export const FUSE_NOTIFY_REPLY = 41
export const FUSE_BATCH_FORGET = 42
export const FUSE_FALLOCATE = 43
export const FUSE_READDIRPLUS = 44
export const FUSE_RENAME2 = 45
export const FUSE_LSEEK = 46
export const FUSE_COPY_FILE_RANGE = 47
export const FUSE_SETUPMAPPING = 48
export const FUSE_REMOVEMAPPING = 49
export const FUSE_SYNCFS = 50
export const FUSE_TMPFILE = 51
export const FUSE_STATX = 52
/** 7.45: COPY_FILE_RANGE whose answer has 64 bits. */
export const FUSE_COPY_FILE_RANGE_64 = 53

/** The method names of the metrics and the access log (spec §5.4); the index is the opcode. */
export const OP_NAMES: readonly (string | undefined)[] = [
  ...[
    undefined,
    'lookup',
    'forget',
    'getattr',
    'setattr',
    'readlink',
    'symlink',
    undefined,
    'mknod',
    'mkdir',
  ],
  ...['unlink', 'rmdir', 'rename', 'link', 'open', 'read', 'write', 'statfs', 'release', undefined],
  ...['fsync', 'setxattr', 'getxattr', 'listxattr', 'removexattr', 'flush', 'init', 'opendir', 'readdir'],
  ...[
    'releasedir',
    'fsyncdir',
    'getlk',
    'setlk',
    'setlk',
    'access',
    'create',
    'interrupt',
    'bmap',
    'destroy',
  ],
  ...[
    'ioctl',
    'poll',
    'notify_reply',
    'forget',
    'fallocate',
    'readdir',
    'rename',
    'lseek',
    'copy_file_range',
  ],
  ...['setupmapping', 'removemapping', 'syncfs', 'tmpfile', 'statx', 'copy_file_range'],
]

/** INIT flags. Those from bit 32 on travel in `flags2`. */
export const FUSE_ASYNC_READ = 1 << 0
export const FUSE_POSIX_LOCKS = 1 << 1
export const FUSE_EXPORT_SUPPORT = 1 << 4
export const FUSE_BIG_WRITES = 1 << 5
export const FUSE_DONT_MASK = 1 << 6
export const FUSE_FLOCK_LOCKS = 1 << 10
export const FUSE_HAS_IOCTL_DIR = 1 << 11
export const FUSE_AUTO_INVAL_DATA = 1 << 12
export const FUSE_DO_READDIRPLUS = 1 << 13
export const FUSE_READDIRPLUS_AUTO = 1 << 14
export const FUSE_ASYNC_DIO = 1 << 15
export const FUSE_WRITEBACK_CACHE = 1 << 16
export const FUSE_PARALLEL_DIROPS = 1 << 18
export const FUSE_POSIX_ACL = 1 << 20
export const FUSE_ABORT_ERROR = 1 << 21
export const FUSE_MAX_PAGES = 1 << 22
export const FUSE_CACHE_SYMLINKS = 1 << 23
export const FUSE_HANDLE_KILLPRIV_V2 = 1 << 28
export const FUSE_SETXATTR_EXT = 1 << 29
export const FUSE_INIT_EXT = 1 << 30

/** Answers to OPEN and OPENDIR. */
export const FOPEN_DIRECT_IO = 1 << 0
export const FOPEN_KEEP_CACHE = 1 << 1
export const FOPEN_NONSEEKABLE = 1 << 2
export const FOPEN_CACHE_DIR = 1 << 3
export const FOPEN_STREAM = 1 << 4
export const FOPEN_NOFLUSH = 1 << 5
export const FOPEN_PARALLEL_DIRECT_WRITES = 1 << 6

export const FATTR_MODE = 1 << 0
export const FATTR_UID = 1 << 1
export const FATTR_GID = 1 << 2
export const FATTR_SIZE = 1 << 3
export const FATTR_ATIME = 1 << 4
export const FATTR_MTIME = 1 << 5
export const FATTR_FH = 1 << 6
export const FATTR_ATIME_NOW = 1 << 7
export const FATTR_MTIME_NOW = 1 << 8
export const FATTR_CTIME = 1 << 10
export const FATTR_KILL_SUIDGID = 1 << 11

export const FUSE_GETATTR_FH = 1 << 0
export const FUSE_RELEASE_FLOCK_UNLOCK = 1 << 1
export const FUSE_LK_FLOCK = 1 << 0
export const FUSE_WRITE_KILL_SUIDGID = 1 << 2
export const FUSE_FSYNC_FDATASYNC = 1 << 0
export const FUSE_SETXATTR_ACL_KILL_SGID = 1 << 0

export const FUSE_NOTIFY_INVAL_INODE = 2
export const FUSE_NOTIFY_INVAL_ENTRY = 3

export const IN_HEADER = {
  len: 0,
  opcode: 4,
  unique: 8,
  nodeid: 16,
  uid: 24,
  gid: 28,
  pid: 32,
  bytes: 40,
} as const
export const OUT_HEADER = { len: 0, error: 4, unique: 8, bytes: 16 } as const

export const INIT_IN = { major: 0, minor: 4, maxReadahead: 8, flags: 12, flags2: 16, bytes: 64 } as const
export const INIT_OUT = {
  major: 0,
  minor: 4,
  maxReadahead: 8,
  flags: 12,
  maxBackground: 16,
  congestionThreshold: 18,
  maxWrite: 20,
  timeGran: 24,
  maxPages: 28,
  flags2: 32,
  bytes: 64,
} as const

export const ATTR = {
  ino: 0,
  size: 8,
  blocks: 16,
  atime: 24,
  mtime: 32,
  ctime: 40,
  atimensec: 48,
  mtimensec: 52,
  ctimensec: 56,
  mode: 60,
  nlink: 64,
  uid: 68,
  gid: 72,
  rdev: 76,
  blksize: 80,
  flags: 84,
  bytes: 88,
} as const
export const ENTRY_OUT = {
  nodeid: 0,
  generation: 8,
  entryValid: 16,
  attrValid: 24,
  entryValidNsec: 32,
  attrValidNsec: 36,
  attr: 40,
  bytes: 128,
} as const
export const ATTR_OUT = { attrValid: 0, attrValidNsec: 8, attr: 16, bytes: 104 } as const
export const OPEN_OUT = { fh: 0, openFlags: 8, bytes: 16 } as const

export const FORGET_IN = { nlookup: 0, bytes: 8 } as const
export const BATCH_FORGET_IN = { count: 0, bytes: 8 } as const
export const FORGET_ONE = { nodeid: 0, nlookup: 8, bytes: 16 } as const
export const GETATTR_IN = { getattrFlags: 0, fh: 8, bytes: 16 } as const
export const SETATTR_IN = {
  valid: 0,
  fh: 8,
  size: 16,
  lockOwner: 24,
  atime: 32,
  mtime: 40,
  ctime: 48,
  atimensec: 56,
  mtimensec: 60,
  ctimensec: 64,
  mode: 68,
  uid: 76,
  gid: 80,
  bytes: 88,
} as const
export const MKNOD_IN = { mode: 0, rdev: 4, umask: 8, bytes: 16 } as const
export const MKDIR_IN = { mode: 0, umask: 4, bytes: 8 } as const
export const RENAME_IN = { newdir: 0, bytes: 8 } as const
export const RENAME2_IN = { newdir: 0, flags: 8, bytes: 16 } as const
export const LINK_IN = { oldnodeid: 0, bytes: 8 } as const
export const OPEN_IN = { flags: 0, openFlags: 4, bytes: 8 } as const
export const CREATE_IN = { flags: 0, mode: 4, umask: 8, openFlags: 12, bytes: 16 } as const
export const READ_IN = {
  fh: 0,
  offset: 8,
  size: 16,
  readFlags: 20,
  lockOwner: 24,
  flags: 32,
  bytes: 40,
} as const
export const WRITE_IN = {
  fh: 0,
  offset: 8,
  size: 16,
  writeFlags: 20,
  lockOwner: 24,
  flags: 32,
  bytes: 40,
} as const
export const WRITE_OUT = { size: 0, bytes: 8 } as const
export const RELEASE_IN = { fh: 0, flags: 8, releaseFlags: 12, lockOwner: 16, bytes: 24 } as const
export const FLUSH_IN = { fh: 0, lockOwner: 16, bytes: 24 } as const
export const FSYNC_IN = { fh: 0, fsyncFlags: 8, bytes: 16 } as const
export const STATFS_OUT = {
  blocks: 0,
  bfree: 8,
  bavail: 16,
  files: 24,
  ffree: 32,
  bsize: 40,
  namelen: 44,
  frsize: 48,
  bytes: 80,
} as const
/** `bytes` without FUSE_SETXATTR_EXT; with it `extBytes`. */
export const SETXATTR_IN = { size: 0, flags: 4, setxattrFlags: 8, bytes: 8, extBytes: 16 } as const
export const GETXATTR_IN = { size: 0, bytes: 8 } as const
export const GETXATTR_OUT = { size: 0, bytes: 8 } as const
export const FILE_LOCK = { start: 0, end: 8, type: 16, pid: 20, bytes: 24 } as const
export const LK_IN = { fh: 0, owner: 8, lk: 16, lkFlags: 40, bytes: 48 } as const
export const ACCESS_IN = { mask: 0, bytes: 8 } as const
export const INTERRUPT_IN = { unique: 0, bytes: 8 } as const
export const IOCTL_IN = { fh: 0, flags: 8, cmd: 12, arg: 16, inSize: 24, outSize: 28, bytes: 32 } as const
export const IOCTL_OUT = { result: 0, flags: 4, inIovs: 8, outIovs: 12, bytes: 16 } as const
export const FALLOCATE_IN = { fh: 0, offset: 8, length: 16, mode: 24, bytes: 32 } as const
export const LSEEK_IN = { fh: 0, offset: 8, whence: 16, bytes: 24 } as const
export const LSEEK_OUT = { offset: 0, bytes: 8 } as const
export const COPY_FILE_RANGE_IN = {
  fhIn: 0,
  offIn: 8,
  nodeidOut: 16,
  fhOut: 24,
  offOut: 32,
  len: 40,
  flags: 48,
  bytes: 56,
} as const
export const COPY_FILE_RANGE_OUT = { bytesCopied: 0, bytes: 8 } as const
export const SYNCFS_IN = { bytes: 8 } as const
/** Followed by the name, padded to 8. */
export const DIRENT = { ino: 0, off: 8, namelen: 16, type: 20, name: 24 } as const
export const DIRENTPLUS = { entry: 0, dirent: 128, name: 152 } as const
export const NOTIFY_INVAL_INODE_OUT = { ino: 0, off: 8, len: 16, bytes: 24 } as const
export const NOTIFY_INVAL_ENTRY_OUT = { parent: 0, namelen: 8, flags: 12, name: 16 } as const

/** Least bytes of each request's body, names not counted; the index is the opcode. Undefined: we do not serve it. */
export const BODY_BYTES: readonly (number | undefined)[] = Object.assign(
  new Array<number | undefined>(64).fill(undefined),
  {
    [FUSE_LOOKUP]: 0,
    [FUSE_FORGET]: FORGET_IN.bytes,
    [FUSE_GETATTR]: GETATTR_IN.bytes,
    [FUSE_SETATTR]: SETATTR_IN.bytes,
    [FUSE_READLINK]: 0,
    [FUSE_SYMLINK]: 0,
    [FUSE_MKNOD]: MKNOD_IN.bytes,
    [FUSE_MKDIR]: MKDIR_IN.bytes,
    [FUSE_UNLINK]: 0,
    [FUSE_RMDIR]: 0,
    [FUSE_RENAME]: RENAME_IN.bytes,
    [FUSE_LINK]: LINK_IN.bytes,
    [FUSE_OPEN]: OPEN_IN.bytes,
    [FUSE_READ]: READ_IN.bytes,
    [FUSE_WRITE]: WRITE_IN.bytes,
    [FUSE_STATFS]: 0,
    [FUSE_RELEASE]: RELEASE_IN.bytes,
    [FUSE_FSYNC]: FSYNC_IN.bytes,
    [FUSE_SETXATTR]: SETXATTR_IN.bytes,
    [FUSE_GETXATTR]: GETXATTR_IN.bytes,
    [FUSE_LISTXATTR]: GETXATTR_IN.bytes,
    [FUSE_REMOVEXATTR]: 0,
    [FUSE_FLUSH]: FLUSH_IN.bytes,
    [FUSE_INIT]: 16,
    [FUSE_OPENDIR]: OPEN_IN.bytes,
    [FUSE_READDIR]: READ_IN.bytes,
    [FUSE_RELEASEDIR]: RELEASE_IN.bytes,
    [FUSE_FSYNCDIR]: FSYNC_IN.bytes,
    [FUSE_GETLK]: LK_IN.bytes,
    [FUSE_SETLK]: LK_IN.bytes,
    [FUSE_SETLKW]: LK_IN.bytes,
    [FUSE_ACCESS]: ACCESS_IN.bytes,
    [FUSE_CREATE]: CREATE_IN.bytes,
    [FUSE_INTERRUPT]: INTERRUPT_IN.bytes,
    [FUSE_DESTROY]: 0,
    [FUSE_IOCTL]: IOCTL_IN.bytes,
    [FUSE_NOTIFY_REPLY]: 0,
    [FUSE_BATCH_FORGET]: BATCH_FORGET_IN.bytes,
    [FUSE_FALLOCATE]: FALLOCATE_IN.bytes,
    [FUSE_READDIRPLUS]: READ_IN.bytes,
    [FUSE_RENAME2]: RENAME2_IN.bytes,
    [FUSE_LSEEK]: LSEEK_IN.bytes,
    [FUSE_COPY_FILE_RANGE]: COPY_FILE_RANGE_IN.bytes,
    [FUSE_SYNCFS]: SYNCFS_IN.bytes,
    [FUSE_TMPFILE]: CREATE_IN.bytes,
    [FUSE_COPY_FILE_RANGE_64]: COPY_FILE_RANGE_IN.bytes,
  },
)
