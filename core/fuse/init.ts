/** The INIT handshake: what the kernel offers, what we take. Source: shared/spec/vfs-and-fuse.md §4.1. */
import * as abi from './abi.ts'
import type { Input } from './decode.ts'
import type { Output } from './encode.ts'

/** What the mount wants, where the kernel offers it. */
export interface Wishes {
  readonly maxWrite: number
  readonly posixAcl: boolean
  readonly handlesKillpriv: boolean
  readonly writebackCache: boolean
  readonly asyncDio: boolean
}

export interface Negotiated {
  readonly kernelMinor: number
  readonly minor: number
  readonly flags: number
  readonly maxReadahead: number
  readonly maxWrite: number
}

const PAGE = 4096
/** What one request may carry without FUSE_MAX_PAGES. */
const OLD_MAX_WRITE = 32 * PAGE
/** Requests the kernel may have waiting that no system call waits for: readahead, writeback, release. */
const MAX_BACKGROUND = 256

const ALWAYS =
  abi.FUSE_ASYNC_READ |
  abi.FUSE_POSIX_LOCKS |
  abi.FUSE_FLOCK_LOCKS |
  abi.FUSE_EXPORT_SUPPORT |
  abi.FUSE_BIG_WRITES |
  abi.FUSE_HAS_IOCTL_DIR |
  // Pages are dropped when mtime or size changed elsewhere: close-to-open for files that stay open.
  abi.FUSE_AUTO_INVAL_DATA |
  abi.FUSE_DO_READDIRPLUS |
  abi.FUSE_READDIRPLUS_AUTO |
  abi.FUSE_PARALLEL_DIROPS |
  abi.FUSE_MAX_PAGES |
  abi.FUSE_CACHE_SYMLINKS |
  abi.FUSE_ABORT_ERROR |
  abi.FUSE_SETXATTR_EXT |
  abi.FUSE_INIT_EXT

/** Undefined when the kernel's protocol is older than we serve. */
export function negotiate(input: Input, at: number, wishes: Wishes): Negotiated | undefined {
  const kernelMinor = input.u32(at + abi.INIT_IN.minor)
  if (kernelMinor < abi.FUSE_MINOR_LEAST) return undefined
  const offered = input.u32(at + abi.INIT_IN.flags)
  let wanted = ALWAYS
  // The default ACL replaces the umask, so the kernel must not have applied it.
  if (wishes.posixAcl) wanted |= abi.FUSE_POSIX_ACL | abi.FUSE_DONT_MASK
  if (wishes.handlesKillpriv) wanted |= abi.FUSE_HANDLE_KILLPRIV_V2
  if (wishes.writebackCache) wanted |= abi.FUSE_WRITEBACK_CACHE
  if (wishes.asyncDio) wanted |= abi.FUSE_ASYNC_DIO
  const flags = (offered & wanted) >>> 0
  const most = (flags & abi.FUSE_MAX_PAGES) !== 0 ? wishes.maxWrite : OLD_MAX_WRITE
  return {
    kernelMinor,
    minor: Math.min(kernelMinor, abi.FUSE_MINOR),
    flags,
    maxReadahead: input.u32(at + abi.INIT_IN.maxReadahead),
    maxWrite: Math.min(wishes.maxWrite, most),
  }
}

/** Returns the body's length. */
export function encodeInit(out: Output, at: number, agreed: Negotiated): number {
  const I = abi.INIT_OUT
  out.bytes.fill(0, at, at + I.bytes)
  out.u32(at + I.major, abi.FUSE_KERNEL_VERSION)
  out.u32(at + I.minor, agreed.minor)
  out.u32(at + I.maxReadahead, agreed.maxReadahead)
  out.u32(at + I.flags, agreed.flags)
  out.view.setUint16(at + I.maxBackground, MAX_BACKGROUND, true)
  out.view.setUint16(at + I.congestionThreshold, (MAX_BACKGROUND * 3) / 4, true)
  out.u32(at + I.maxWrite, agreed.maxWrite)
  out.u32(at + I.timeGran, 1)
  out.view.setUint16(at + I.maxPages, agreed.maxWrite / PAGE, true)
  return I.bytes
}
