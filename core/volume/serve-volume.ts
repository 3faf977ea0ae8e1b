/**
 * A mounted volume from start to end, in this process: open, mount, answer the control socket, and on the way
 * out drain everything in order. The caller's process must never touch the mount point (it would wait for
 * itself); checks of it run before the mount, the ready probe runs in another process (fuse/mount.ts).
 */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { systemClock } from '#core/base/clock.ts'
import type { Log } from '#core/base/log.ts'
import { comeFirst } from '#core/base/priority.ts'
import { redactUrl } from '#core/base/redact.ts'
import { CLIENT_VERSION } from '#core/base/version.ts'
import { type AdapterOptions, fuseFileSystem } from '#core/fuse/adapter.ts'
import { type DriverName, mountWith } from '#core/fuse/drivers.ts'
import type { MountedFuse } from '#core/fuse/mount.ts'
import { MountError } from '#core/fuse/mount-error.ts'
import type { ProcessStatus } from './control-client.ts'
import { controlFolder, socketName } from './control-folder.ts'
import { type ControlRequest, type ControlServer, serveControl } from './control-socket.ts'
import { describeHolder, findHolders } from './holders.ts'
import { reportLive } from './live-report.ts'
import { checkPlaces, refuseInside } from './mount-checks.ts'
import { openVolume, type Volume } from './open-volume.ts'
import { runOperation } from './operations.ts'
import type { VolumeOptions } from './volume-options.ts'

/** Everything a mount needs, as plain data. */
export interface MountRequest {
  /** With its password. */
  readonly metaUrl: string
  readonly mountPoint: string
  readonly volume: VolumeOptions
  readonly maxFuseIo?: number
  /** Words for the kernel. */
  readonly kernelOptions?: readonly string[]
  readonly logFile?: string
  /** Default: `pump`. */
  readonly driver?: DriverName
}

export interface Surroundings {
  readonly log: Log
  /** Aborted: end in good order. */
  readonly stop: AbortSignal
  /** Aborted: end at once, without waiting for anything that may hang. */
  readonly force: AbortSignal
  /** The mount is usable. */
  onReady(status: ProcessStatus): void
}

/** After a lazy unmount: how long those who still use files may go on. */
const LINGER_MS = 30_000
const FORCED_MS = 5000

/** Serve until the volume is unmounted or `stop` fires; returns the exit code. Rejects when it could not start. */
export async function serveVolume(request: MountRequest, around: Surroundings): Promise<number> {
  const { log } = around
  const mountPoint = await checkPlaces(request)
  await warnAboutDescriptors(log)
  const lost = new AbortController()
  const writebackCache = request.kernelOptions?.includes('writeback_cache')
  const volume = await openVolume(
    request.metaUrl,
    { ...request.volume, mountPoint, writebackCache },
    { log, onLost: (reason) => lost.abort(new Error(reason)) },
  )
  let fuse: MountedFuse
  try {
    const { Storage, Bucket } = volume.setting
    const local = (request.volume.storage ?? Storage) === 'file'
    if (local) await refuseInside(mountPoint, 'the bucket', request.volume.bucket ?? Bucket)
    around.stop.throwIfAborted()
    fuse = await mountVolume(volume, request, mountPoint, log)
    comeFirst(NICENESS)
  } catch (error) {
    await volume.close()
    throw error
  }
  return new Server(volume, fuse, request, around, lost.signal).run()
}

const FEW_DESCRIPTORS = 4096

/** Node lifts the soft limit to the hard one by itself; it cannot lift that. */
async function warnAboutDescriptors(log: Log): Promise<void> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const hard = Number(/^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1] ?? Number.NaN)
  if (hard < FEW_DESCRIPTORS) log.warn(`only ${hard} files may be open at a time: raise it with ulimit -n`)
}

/**
 * Every program that uses a file waits for this process: it goes before those that only compute, as the reference client
 * has it (vfs-and-fuse.md §8.1). A main thread that keeps V8's helpers from the processor spins until they have swept its heap.
 */
const NICENESS = -19

function mountVolume(
  volume: Volume,
  request: MountRequest,
  mountPoint: string,
  log: Log,
): Promise<MountedFuse> {
  const words = request.kernelOptions ?? []
  return mountWith(request.driver ?? 'pump', {
    mountpoint: mountPoint,
    fsname: `JuiceFS:${volume.setting.Name}`,
    fs: fuseFileSystem(volume.vfs, adapterOptions(request.volume, volume)),
    allowOther: words.includes('allow_other') || words.includes('allow_root') || undefined,
    readOnly: request.volume.readOnly,
    nonempty: words.includes('nonempty'),
    maxWrite: request.maxFuseIo,
    extraOptions: words.filter((word) => !['allow_other', 'allow_root', 'nonempty'].includes(word)),
    posixAcl: volume.setting.EnableACL,
    checkPermission: request.volume.nonDefaultPermission === true || request.volume.allSquash !== undefined,
    log,
    metrics: volume.metrics,
  })
}

function adapterOptions(options: VolumeOptions, { metrics, trace }: Volume): Partial<AdapterOptions> {
  return {
    entryTtl: options.entryCacheSec ?? 1,
    dirEntryTtl: options.dirEntryCacheSec ?? 1,
    attrTtl: options.attrCacheSec ?? 1,
    negativeTtl: options.negativeEntryCacheSec ?? 0,
    readdirCache: options.readdirCache ?? false,
    umask: options.umask,
    rootSquash: options.rootSquash,
    allSquash: options.allSquash,
    metrics,
    trace,
  }
}

class Server {
  readonly #volume: Volume
  readonly #fuse: MountedFuse
  readonly #request: MountRequest
  readonly #around: Surroundings
  readonly #lost: AbortSignal
  readonly #startedMs = Date.now()
  #control: ControlServer | undefined
  #state: ProcessStatus['state'] = 'serving'
  #exit = 0

  constructor(
    volume: Volume,
    fuse: MountedFuse,
    request: MountRequest,
    around: Surroundings,
    lost: AbortSignal,
  ) {
    this.#lost = lost
    this.#volume = volume
    this.#fuse = fuse
    this.#request = request
    this.#around = around
  }

  async run(): Promise<number> {
    const { stop, log } = this.#around
    const onStop = () => void this.#stop().catch((error: unknown) => log.error('stopping failed', { error }))
    try {
      const socket = join(await controlFolder(), socketName(this.#fuse.mountpoint))
      this.#control = await serveControl(socket, (control) => this.#answer(control))
    } catch (error) {
      log.warn('no control socket: `pomelo umount` and paths in the mount cannot reach this process', {
        error,
      })
    }
    try {
      this.#around.onReady(this.#status())
    } catch (error) {
      await this.#fuse.abort()
      await this.#finish()
      throw error
    }
    const ending = AbortSignal.any([stop, this.#lost])
    ending.addEventListener('abort', onStop, { once: true })
    if (ending.aborted) onStop()
    const end = await this.#fuse.ended
    ending.removeEventListener('abort', onStop)
    if (this.#lost.aborted) this.#exit = 1
    if (end.error !== undefined) {
      log.error('the connection to the kernel broke', { error: end.error })
      this.#exit = 1
    }
    return this.#finish()
  }

  /** The kernel has let go: flush what is left, end the session. */
  async #finish(): Promise<number> {
    this.#state = 'draining'
    const { force, log } = this.#around
    try {
      await orForced(this.#volume.close(), force)
    } catch (error) {
      log.error('closing the volume failed: writes of the last moments may be missing', { error })
      this.#exit = 1
    }
    await this.#control?.close()
    log.info('ended', { at: this.#fuse.mountpoint, code: this.#exit })
    return this.#exit
  }

  /** SIGTERM, SIGINT: flush, unmount; when somebody uses it, detach it and give them a while. */
  async #stop(): Promise<void> {
    const { log, force } = this.#around
    this.#state = 'draining'
    const forced = new Promise<void>((resolve) => {
      if (force.aborted) resolve()
      force.addEventListener('abort', () => resolve(), { once: true })
    })
    const flush = this.#volume.flush().catch((error: unknown) => log.error('flush failed', { error }))
    await Promise.race([flush, forced])
    if (force.aborted) return this.#fuse.abort()
    try {
      await this.#fuse.unmount()
      return
    } catch (error) {
      if (!(error instanceof MountError) || error.kind !== 'busy') throw error
    }
    for (const holder of await findHolders(this.#fuse.mountpoint, [process.pid]))
      log.warn(`in use by ${describeHolder(holder)}`)
    log.warn(`detached: whoever uses it may go on for ${LINGER_MS / 1000} s`)
    await this.#fuse.unmount({ lazy: true })
    const timer = new AbortController()
    const lingered = systemClock.sleep(LINGER_MS, timer.signal).catch(() => {})
    await Promise.race([this.#fuse.ended, lingered, forced])
    timer.abort()
    await this.#volume.flush().catch((error: unknown) => log.error('flush failed', { error }))
    await this.#fuse.abort()
  }

  #status(): ProcessStatus {
    const { setting, meta } = this.#volume
    return {
      pid: process.pid,
      name: setting.Name,
      uuid: setting.UUID,
      metaUrl: redactUrl(this.#request.metaUrl),
      mountPoint: this.#fuse.mountpoint,
      readOnly: meta.readOnly,
      sid: meta.sid,
      version: CLIENT_VERSION,
      startedMs: this.#startedMs,
      state: this.#state,
      ...(this.#lost.aborted && { lost: String((this.#lost.reason as Error).message) }),
      pendingBytes: this.#volume.pendingBytes(),
      ...(this.#volume.backup !== undefined && { backup: this.#volume.backup }),
      ...(this.#request.logFile === undefined ? {} : { logFile: resolve(this.#request.logFile) }),
    }
  }

  async #answer(control: ControlRequest): Promise<unknown> {
    switch (control.op) {
      case 'status':
        return this.#status()
      case 'metrics':
        return { ...this.#volume.metrics.snapshot(), ...this.#fuse.stats() }
      case 'config':
        return this.#volume.shownConfig()
      case 'watch':
        return reportLive(
          { volume: this.#volume, status: () => this.#status(), stats: () => ({ ...this.#fuse.stats() }) },
          control,
        )
      case 'flush':
        return this.#flush(control)
      case 'unmount':
        return this.#unmount(control)
      default:
        return runOperation(this.#volume, control.op, control.args, {
          signal: control.signal,
          onProgress: (progress) => control.progress(progress),
        })
    }
  }

  /** Everything written so far is in the object store; progress: bytes to go. */
  async #flush(control: ControlRequest): Promise<void> {
    const timer = setInterval(() => control.progress({ pendingBytes: this.#volume.pendingBytes() }), 300)
    try {
      await this.#volume.flush({ staged: control.args.staged === true, signal: control.signal })
    } finally {
      clearInterval(timer)
    }
  }

  /** Ends the process when it succeeds; the answer comes when the kernel has let go. */
  async #unmount(control: ControlRequest): Promise<void> {
    const { force, lazy } = control.args
    if (force === true) {
      await Promise.race([this.#volume.flush(), systemClock.sleep(FORCED_MS)]).catch(() => {})
      await this.#fuse.abort()
      return
    }
    await this.#flush(control)
    await this.#fuse.unmount({ lazy: lazy === true })
    if (lazy !== true) await this.#fuse.ended
  }
}

/** Wait for `work`, but only `FORCED_MS` more once `force` fires. */
async function orForced(work: Promise<void>, force: AbortSignal): Promise<void> {
  let release: (() => void) | undefined
  const forced = new Promise<void>((_, reject) => {
    release = () => setTimeout(() => reject(new Error('forced to end')), FORCED_MS).unref()
    if (force.aborted) release()
    force.addEventListener('abort', release, { once: true })
  })
  forced.catch(() => {})
  try {
    await Promise.race([work, forced])
  } finally {
    if (release !== undefined) force.removeEventListener('abort', release)
  }
}
