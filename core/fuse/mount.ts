/** Mounts a file system: checks the mount point, asks the kernel, serves, and says when it is really there. */
import { closeSync, fstatSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { EACCES, EBUSY, EINVAL, ENODEV, ENOENT, ENXIO, EPERM, errnoName } from '#core/base/errno.ts'
import type { Log } from '#core/base/log.ts'
import type { Metrics } from '#core/base/metrics.ts'
import { findProgram } from './child.ts'
import { abortConnection, findFuseMount } from './connection.ts'
import type { FileSystem } from './filesystem.ts'
import { busy, deviceDenied, fusermountMount, fusermountUnmount, noDevice } from './fusermount.ts'
import { checkMountpoint } from './mount-check.ts'
import { MountError } from './mount-error.ts'
import { type MountWords, mountWords } from './mount-words.ts'
import { type MountEntry, readMounts } from './mountinfo.ts'
import { probeRoot } from './probe.ts'
import { MNT_DETACH, MNT_FORCE, mountDevice, openDevice, umountNow } from './pump/pump.ts'
import { FuseSession, type SessionEnd, type SessionStats, type Tap } from './session.ts'

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
  readonly tap?: Tap
}

export interface MountedFuse {
  /** The real path that is mounted. */
  readonly mountpoint: string
  /** Resolves when the kernel has let go and no request is in flight; never rejects. */
  readonly ended: Promise<SessionEnd>
  /** Rejects with MountError `busy` when somebody uses it and `lazy` is not set. */
  unmount(options?: { readonly lazy?: boolean }): Promise<void>
  /** Cut the connection, so that every waiting system call fails with ENOTCONN or ECONNABORTED; clear the mount. */
  abort(): Promise<void>
  stats(): SessionStats
}

/** INIT, and then the first answer to another process, must come within this. */
const READY_MS = 15_000
const MAX_IO = 1024 * 1024
const PAGE = 4096

/**
 * Mount and serve. Resolves once INIT was answered and another process has read the root; then the mount is usable.
 * On failure nothing stays mounted.
 *
 * Errors: MountError.
 */
export async function mountFuse(options: MountOptions): Promise<MountedFuse> {
  const {
    fs,
    log,
    metrics,
    tap,
    fsname,
    subtype = 'juicefs',
    posixAcl = false,
    checkPermission = false,
  } = options
  const maxWrite = Math.min(MAX_IO, Math.max(PAGE, Math.floor((options.maxWrite ?? MAX_IO) / PAGE) * PAGE))
  const words = mountWords({
    allowOther: options.allowOther ?? process.getuid?.() === 0,
    readOnly: options.readOnly ?? false,
    defaultPermissions: !checkPermission,
    maxRead: maxWrite,
    extra: options.extraOptions ?? [],
  })
  const nonempty = options.nonempty === true || words.nonempty
  const mountpoint = await checkMountpoint({ mountpoint: options.mountpoint, fsname, subtype, nonempty })
  const fd = await attach(mountpoint, fsname, subtype, words)
  const { writebackCache, asyncDio } = words
  const session = new FuseSession({
    fd,
    fs,
    maxWrite,
    posixAcl,
    checkPermission,
    writebackCache,
    asyncDio,
    log,
    metrics,
    tap,
  })
  const mounted = new Mounted(mountpoint, session)
  try {
    await becomeReady(session, mountpoint)
    raiseReadahead(mounted.entry, maxWrite)
  } catch (error) {
    await mounted.abort()
    throw error
  }
  log.info(`mounted ${fsname} at ${mountpoint}`)
  return mounted
}

/** Character device 10:229 (Linux, Documentation/admin-guide/devices.txt); sandboxes bind something else over it. */
const FUSE_DEVICE = (10 << 8) | 229

/** Have the kernel mount; returns the descriptor it speaks through. */
async function attach(
  mountpoint: string,
  fsname: string,
  subtype: string,
  words: MountWords,
): Promise<number> {
  if (process.getuid?.() !== 0) return fusermountMount(mountpoint, fsname, subtype, words.words)
  const fd = openDevice()
  if (fd === -ENOENT || fd === -ENXIO || fd === -ENODEV) throw noDevice(errnoName(-fd))
  if (fd < 0) throw deviceDenied(errnoName(-fd))
  if (fstatSync(fd).rdev !== FUSE_DEVICE) {
    closeSync(fd)
    throw noDevice('it is some other device')
  }
  const own = `fd=${fd},rootmode=40000,user_id=${process.getuid()},group_id=${process.getgid?.() ?? 0}`
  const result = mountDevice(
    fsname,
    mountpoint,
    `fuse.${subtype}`,
    words.flags,
    [own, ...words.data].join(','),
  )
  if (result === 0) return fd
  closeSync(fd)
  if ((result === -EPERM || result === -EACCES) && findProgram('fusermount3') !== undefined)
    return fusermountMount(mountpoint, fsname, subtype, words.words)
  const hint =
    result === -EINVAL ? `The kernel knows one of these options not: ${words.data.join(',')}` : undefined
  throw new MountError('refused', `The kernel refuses to mount ${mountpoint}: ${errnoName(-result)}`, hint)
}

async function becomeReady(session: FuseSession, mountpoint: string): Promise<void> {
  const deadline = Date.now() + READY_MS
  const timeout = new AbortController()
  const late = sleep(READY_MS, undefined, { signal: timeout.signal }).then(() => {
    throw new MountError('not-ready', `The kernel sent no INIT for ${mountpoint} within ${READY_MS / 1000} s`)
  })
  late.catch(() => undefined)
  try {
    await Promise.race([session.ready, late])
  } finally {
    timeout.abort()
  }
  await probeRoot(mountpoint, Math.max(1000, deadline - Date.now()))
}

/**
 * Let the kernel read ahead in requests of full size: it starts with 128 KiB. Only root may; nothing depends on it.
 * Source: Documentation/ABI/testing/sysfs-class-bdi.
 */
function raiseReadahead(entry: MountEntry | undefined, bytes: number): void {
  try {
    if (entry !== undefined)
      writeFileSync(`/sys/class/bdi/${entry.device}/read_ahead_kb`, String(bytes / 1024))
  } catch {
    // Not root, or no sysfs.
  }
}

class Mounted implements MountedFuse {
  readonly mountpoint: string
  readonly ended: Promise<SessionEnd>
  /** As the kernel lists it. */
  readonly entry: MountEntry | undefined
  readonly #session: FuseSession
  #isEnded = false

  constructor(mountpoint: string, session: FuseSession) {
    this.mountpoint = mountpoint
    this.#session = session
    this.entry = findFuseMount(mountpoint)
    this.ended = session.ended.then((end) => {
      this.#isEnded = true
      return end
    })
  }

  stats(): SessionStats {
    return this.#session.stats()
  }

  async unmount(options: { readonly lazy?: boolean } = {}): Promise<void> {
    const lazy = options.lazy === true
    if (this.#isEnded || !this.#isThere()) return
    if (findFuseMount(this.mountpoint)?.device !== this.entry?.device)
      throw new MountError('busy', `Something else is mounted over ${this.mountpoint}`, 'Unmount that first.')
    const errno = await this.#session.umount(this.mountpoint, lazy ? MNT_DETACH : 0)
    if (errno === 0 || !this.#isThere()) return
    if (errno === EBUSY) throw busy(this.mountpoint)
    await fusermountUnmount(this.mountpoint, lazy)
  }

  async abort(): Promise<void> {
    const { entry, mountpoint } = this
    if (entry !== undefined) abortConnection(entry)
    this.#session.abort()
    if (!this.#isThere() || findFuseMount(mountpoint)?.device !== entry?.device) return
    if (umountNow(mountpoint, MNT_FORCE | MNT_DETACH) !== 0) await fusermountUnmount(mountpoint, true)
  }

  /** Our mount is still in the kernel's list, seen or covered. */
  #isThere(): boolean {
    const { entry } = this
    return (
      entry !== undefined &&
      readMounts().some((mount) => mount.device === entry.device && mount.mountpoint === this.mountpoint)
    )
  }
}
