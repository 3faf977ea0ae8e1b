/**
 * The second driver: the same file systems and the same `MountedFuse` as `mountFuse`, through libfuse 2 instead of the
 * pump. For machines where the pump cannot mount; what it lacks is in limits.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type OpContext, rootContext } from '#core/base/context.ts'
import { findProgram, runChild } from '../child.ts'
import { abortConnection, findFuseMount } from '../connection.ts'
import type { FileSystem, KernelNotifier } from '../filesystem.ts'
import { busy, fusermountUnmount } from '../fusermount.ts'
import type { MountedFuse, MountOptions } from '../mount.ts'
import { checkMountpoint } from '../mount-check.ts'
import { MountError } from '../mount-error.ts'
import { mountWords } from '../mount-words.ts'
import { type MountEntry, readMounts } from '../mountinfo.ts'
import { probeRoot } from '../probe.ts'
import type { SessionEnd, SessionStats } from '../session.ts'
import { type NativeMount, nativeMount } from './library.ts'
import { NativeOperations } from './operations.ts'

const READY_MS = 15_000
/** How often the kernel's list is asked whether the mount is still there: the library does not say. */
const WATCH_MS = 500
const UNMOUNT_MS = 20_000
/** Operations that still run after the end get this long. */
const SETTLE_MS = 30_000
/** The largest request that libfuse 2 takes. */
const MAX_IO = 128 * 1024

/** Mount words that libfuse 2 knows; it refuses others. */
const KNOWN =
  /^(ro|rw|nosuid|suid|nodev|dev|noexec|exec|noatime|atime|sync|async|dirsync|allow_other|allow_root|default_permissions|max_read=.*)$/

/** What the path-based API has no words for. */
const DEAF: KernelNotifier = {
  invalInode: (_ino, _offset, _length, done) => done?.(),
  invalEntry: () => undefined,
  dropAttributes: async () => undefined,
}

/**
 * Mount and serve through fuse-native. Resolves once another process has read the root. `posixAcl`, `tap` and
 * `maxWrite` above 128 KiB have no meaning here; other users are let in only when asked.
 *
 * Errors: MountError.
 */
export async function mountNative(options: MountOptions): Promise<MountedFuse> {
  const { fs, log, fsname, subtype = 'juicefs' } = options
  const words = mountWords({
    allowOther: options.allowOther ?? false,
    readOnly: options.readOnly ?? false,
    defaultPermissions: options.checkPermission !== true,
    maxRead: Math.min(MAX_IO, options.maxWrite ?? MAX_IO),
    extra: options.extraOptions ?? [],
  })
  const nonempty = options.nonempty === true || words.nonempty
  const mountpoint = await checkMountpoint({ mountpoint: options.mountpoint, fsname, subtype, nonempty })
  const operations = new NativeOperations(fs, mounterContext(), log)
  const library = nativeMount(mountpoint, operations, [
    ...words.words.filter((word) => KNOWN.test(word)),
    ...(nonempty ? ['nonempty'] : []),
    'big_writes',
    `fsname=${escapeWord(fsname)}`,
    `subtype=${escapeWord(subtype)}`,
  ])
  await within(library.open(), mountpoint)
  fs.started(DEAF)
  const mounted = new NativelyMounted(mountpoint, fs, operations, library)
  try {
    await probeRoot(mountpoint, READY_MS)
  } catch (error) {
    await mounted.abort()
    throw error
  }
  log.info(`mounted ${fsname} at ${mountpoint} through fuse-native`)
  return mounted
}

/** The caller is not told: everybody is who mounted. The kernel has applied the umask and checked permissions. */
function mounterContext(): OpContext {
  const uid = process.getuid?.() ?? 0
  const gid = process.getgid?.() ?? 0
  return { ...rootContext(), uid, gid, pid: process.pid, groups: process.getgroups?.() ?? [gid] }
}

async function within(opened: Promise<void>, mountpoint: string): Promise<void> {
  const timer = new AbortController()
  const late = sleep(READY_MS, undefined, { signal: timer.signal }).then(() => {
    throw new MountError('not-ready', `libfuse did not mount ${mountpoint} within ${READY_MS / 1000} s`)
  })
  late.catch(() => undefined)
  try {
    await Promise.race([opened, late])
  } finally {
    timer.abort()
  }
}

/** libfuse 2 splits options at commas, and a backslash keeps one. */
function escapeWord(value: string): string {
  return value.replace(/[\\,]/g, '\\$&')
}

class NativelyMounted implements MountedFuse {
  readonly mountpoint: string
  readonly ended: Promise<SessionEnd>
  readonly #operations: NativeOperations
  readonly #entry: MountEntry | undefined
  #isAborted = false

  constructor(mountpoint: string, fs: FileSystem, operations: NativeOperations, library: NativeMount) {
    this.mountpoint = mountpoint
    this.#operations = operations
    this.#entry = findFuseMount(mountpoint)
    this.ended = this.#watch().then(async () => {
      fs.destroyed()
      await this.#drained()
      library.close()
      return { reason: this.#isAborted ? ('aborted' as const) : ('unmounted' as const) }
    })
  }

  stats(): SessionStats {
    const { inFlight, served } = this.#operations.gauges()
    return { inFlight, served, notifications: 0 }
  }

  async unmount(options: { readonly lazy?: boolean } = {}): Promise<void> {
    const lazy = options.lazy === true
    if (!this.#isThere()) return
    if (findFuseMount(this.mountpoint)?.device !== this.#entry?.device)
      throw new MountError('busy', `Something else is mounted over ${this.mountpoint}`, 'Unmount that first.')
    if (process.getuid?.() !== 0) return fusermountUnmount(this.mountpoint, lazy)
    const args = lazy ? ['-l', '--', this.mountpoint] : ['--', this.mountpoint]
    const result = await runChild(findProgram('umount') ?? 'umount', args, { timeoutMs: UNMOUNT_MS })
    if (result.code === 0 || !this.#isThere()) return
    if (/busy/i.test(result.stderr)) throw busy(this.mountpoint)
    throw new MountError('refused', `umount refuses ${this.mountpoint}: ${result.stderr.trim()}`)
  }

  async abort(): Promise<void> {
    this.#isAborted = true
    if (this.#entry !== undefined) abortConnection(this.#entry)
    if (this.#isThere()) await this.unmount({ lazy: true })
  }

  async #watch(): Promise<void> {
    while (this.#isThere()) await sleep(WATCH_MS)
  }

  async #drained(): Promise<void> {
    const deadline = performance.now() + SETTLE_MS
    while (this.#isBusy() && performance.now() < deadline) await sleep(20)
  }

  /** The kernel releases open files after an unmount; after an abort nobody does. */
  #isBusy(): boolean {
    const { inFlight, openFiles } = this.#operations.gauges()
    return inFlight > 0 || (openFiles > 0 && !this.#isAborted)
  }

  #isThere(): boolean {
    return readMounts().some(
      ({ device, mountpoint }) => device === this.#entry?.device && mountpoint === this.mountpoint,
    )
  }
}
