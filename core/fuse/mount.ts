/** Mounts a file system: checks the mount point, asks the kernel, serves, and says when it is really there. */
import type { Log } from '#core/base/log.ts'
import type { Metrics } from '#core/base/metrics.ts'
import type { FileSystem } from './filesystem.ts'
import type { SessionEnd, SessionStats } from './session.ts'

export interface MountOptions {
  /** Any path of an existing directory. */
  readonly mountpoint: string
  /** What `mount` and `df` show as the source: `JuiceFS:<volume>`. */
  readonly fsname: string
  /** After `fuse.` in the file system type. */
  readonly subtype?: string
  readonly fs: FileSystem
  /** Other users may use the mount. Default: only when we are root. */
  readonly allowOther?: boolean
  readonly readOnly?: boolean
  /** Mount over a directory that has entries. */
  readonly nonempty?: boolean
  /** Largest READ and WRITE in bytes, a multiple of 4096 from 4096 to 1 MiB (the default). */
  readonly maxWrite?: number
  /** Words for `-o`; those of fstab that mean nothing to the kernel are left out. */
  readonly extraOptions?: readonly string[]
  /** The volume keeps POSIX ACLs: umask and default ACL are ours to apply. */
  readonly posixAcl?: boolean
  /** Leave permission checks to the file system (`ctx.checkPermission`) instead of the kernel. */
  readonly checkPermission?: boolean
  readonly log: Log
  readonly metrics: Metrics
}

export interface MountedFuse {
  /** The real path that is mounted. */
  readonly mountpoint: string
  /** Resolves when the kernel has let go and no request is in flight; never rejects. */
  readonly ended: Promise<SessionEnd>
  /** Rejects with MountError `busy` when somebody uses it and `lazy` is not set. */
  unmount(options?: { readonly lazy?: boolean }): Promise<void>
  /** Cut the connection: every waiting system call fails with ENOTCONN or ECONNABORTED; then clears the mount. */
  abort(): Promise<void>
  stats(): SessionStats
}

/**
 * Mount and serve. Resolves once INIT was answered and another process has read the root; then the mount is usable.
 * On failure nothing stays mounted.
 *
 * Errors: MountError.
 */
export function mountFuse(_options: MountOptions): Promise<MountedFuse> {
  throw new Error('being written')
}
