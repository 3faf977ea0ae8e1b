/**
 * One volume of this computer over time: mounted when the user wants it, adopted when it runs already, started again
 * after a crash with growing pauses, unmounted in a conversation. The user's last word always wins: a stop ends every
 * timer, and nothing starts what the user has stopped.
 *
 *     unmounted ──mount──► mounting ──ready──► serving ──unmount──► unmounting ──► unmounted
 *         ▲                    │                  │
 *         └────── stop ──── failed ◄── crash ─────┘   (retry: back to mounting)
 */

import { ApiRefusal } from '#core/api/server-errors.ts'
import type { UnmountProgress } from '#core/api/states.ts'
import type { UnmountHow } from '#core/api/volumes.ts'
import { systemClock } from '#core/base/clock.ts'
import type { TaskSet } from '#core/base/tasks.ts'
import { ControlClient, findProcess, type ProcessStatus } from '#core/volume/control-client.ts'
import { abortMount, deadMountAt, detachMount, isAlive, waitingRequests } from '#core/volume/dead-mount.ts'
import { closeMountFolder, prepareMountFolder } from '#core/volume/mount-folder.ts'
import { isVolumeMount, mountAt, readMounts } from '#core/volume/mount-table.ts'
import type { MountRequest } from '#core/volume/serve-volume.ts'
import { startVolumeProcess } from '#core/volume/start-process.ts'
import type { NewEvent } from './event-log.ts'
import { backOffMs, CRASHED, failureOf, type MountFailure } from './mount-failure.ts'
import { Sampler } from './sampler.ts'
import { endProcess, unmount } from './unmounting.ts'
import { VolumeLink } from './volume-link.ts'

export type Phase =
  | { readonly kind: 'unmounted'; readonly sinceMs: number }
  | { readonly kind: 'mounting'; readonly sinceMs: number; readonly stop: AbortController }
  | { readonly kind: 'serving'; readonly sinceMs: number; readonly link: VolumeLink }
  | {
      readonly kind: 'unmounting'
      readonly sinceMs: number
      readonly link: VolumeLink
      readonly progress: UnmountProgress
      readonly stop: AbortController
    }
  | {
      readonly kind: 'failed'
      readonly sinceMs: number
      readonly failure: MountFailure
      readonly attempt: number
      readonly retryAtMs?: number
    }

/** What the runner needs of the rest of the daemon. */
export interface RunnerHost {
  readonly id: string
  readonly name: () => string
  readonly mountPoint: () => string
  /** Undefined for a mount nobody saved: it can be unmounted, not started. */
  readonly request: () => MountRequest | undefined
  /** Throws while the volume's keys cannot be read. */
  readonly checkKeys: () => void
  readonly desired: () => 'mounted' | 'unmounted'
  readonly setDesired: (desired: 'mounted' | 'unmounted') => void
  readonly event: (event: NewEvent) => void
  readonly changed: () => void
  readonly onReport: (runner: VolumeRunner, link: VolumeLink) => void
  /** Its process is gone or given up: the last that was heard. */
  readonly onGone: (link: VolumeLink) => void
  readonly tasks: TaskSet
}

/** Serving for so long, a crash counts as the first again. */
const STABLE_MS = 300_000
/** Without a report for so long, a volume is called unresponsive. */
export const SILENT_MS = 20_000

export class VolumeRunner {
  readonly host: RunnerHost
  sampler = new Sampler()
  /** Requests that the kernel waits for, looked at while the process is silent; null when not known. */
  kernelWaiting: number | null = null
  #phase: Phase = { kind: 'unmounted', sinceMs: Date.now() }
  #attempt = 0
  #retry: AbortController | undefined
  #unmounting: Promise<void> | undefined
  readonly #waiters = new Set<() => void>()

  constructor(host: RunnerHost) {
    this.host = host
  }

  get phase(): Phase {
    return this.#phase
  }

  get link(): VolumeLink | undefined {
    const phase = this.#phase
    return phase.kind === 'serving' || phase.kind === 'unmounting' ? phase.link : undefined
  }

  /** The user wants it mounted. Returns at once. */
  mount(): void {
    const { kind } = this.#phase
    if (kind === 'serving' || kind === 'mounting') return
    if (kind === 'unmounting') {
      throw new ApiRefusal('conflict', `${this.host.name()} is being unmounted`, 'cancel that first')
    }
    if (this.host.request() === undefined) {
      throw new ApiRefusal(
        'refused',
        `${this.host.name()} was mounted from the command line`,
        'connect to it first',
      )
    }
    this.host.setDesired('mounted')
    this.#attempt = 0
    this.#start()
  }

  /** The user wants it unmounted. Returns at once; progress is in `phase`. */
  unmount(how: UnmountHow): void {
    this.host.setDesired('unmounted')
    this.#retry?.abort()
    const phase = this.#phase
    if (phase.kind === 'mounting') phase.stop.abort(new ApiRefusal('cancelled', 'mounting was cancelled'))
    if (phase.kind === 'failed')
      this.host.tasks.start('clean-up', () => this.#clearDead().then(() => this.#rest()))
    if (phase.kind === 'unmounting') {
      phase.stop.abort(new ApiRefusal('cancelled', 'another way of unmounting was chosen'))
      const before = this.#unmounting
      this.host.tasks.start('unmount', async () => {
        await before
        if (this.#phase.kind === 'serving') this.#beginUnmount(this.#phase.link, how)
      })
    }
    if (phase.kind === 'serving') this.#beginUnmount(phase.link, how)
  }

  /** End a mount or unmount under way. */
  cancel(): void {
    const phase = this.#phase
    if (phase.kind === 'mounting' || phase.kind === 'failed') this.unmount('ask')
    if (phase.kind === 'unmounting') {
      this.host.setDesired('mounted')
      phase.stop.abort(new ApiRefusal('cancelled', 'the unmount was cancelled'))
    }
  }

  /** End an unresponsive process and its mount, and mount again. */
  restart(): void {
    const link = this.link
    if (link === undefined) {
      this.mount()
      return
    }
    this.host.setDesired('mounted')
    this.host.tasks.start('restart', async () => {
      this.#drop(link)
      await this.#end(link)
      this.#attempt = 0
      this.#start()
    })
  }

  /** Take over a process that runs. */
  adopt(client: ControlClient, status: ProcessStatus): void {
    if (this.link !== undefined || this.#phase.kind === 'mounting') return
    this.#retry?.abort()
    this.#serve(new VolumeLink(client, status), status.startedMs)
  }

  /** A silent process: how many programs' requests hang on it? Asked of the kernel, never of the mount. */
  async lookAtKernel(): Promise<void> {
    const { link } = this
    if (link === undefined || link.silentMs < SILENT_MS) return
    const mount = await this.#mountThere(link.status.mountPoint)
    this.kernelWaiting = mount === undefined ? null : await waitingRequests(mount)
  }

  /** Let go without ending anything: the daemon ends, or the profile does. */
  release(): void {
    this.#retry?.abort()
    this.link?.close()
    if (this.#phase.kind === 'mounting')
      this.#phase.stop.abort(new ApiRefusal('cancelled', 'the daemon ends'))
  }

  /** Resolves when the phase has ended that is under way now (`mounting`, `unmounting`), or `signal` fires. */
  async settled(signal: AbortSignal): Promise<void> {
    while (this.#phase.kind === 'mounting' || (this.#phase.kind === 'unmounting' && !signal.aborted)) {
      if (signal.aborted) return
      await new Promise<void>((resolve) => {
        const done = () => {
          this.#waiters.delete(done)
          signal.removeEventListener('abort', done)
          resolve()
        }
        this.#waiters.add(done)
        signal.addEventListener('abort', done, { once: true })
      })
    }
  }

  #to(phase: Phase): void {
    this.#phase = phase
    for (const wake of [...this.#waiters]) wake()
    this.host.changed()
  }

  #start(): void {
    const stop = new AbortController()
    this.#to({ kind: 'mounting', sinceMs: Date.now(), stop })
    this.host.tasks.start('mount', () => this.#mount(stop))
  }

  async #mount(stop: AbortController): Promise<void> {
    const request = this.host.request()!
    try {
      this.host.checkKeys()
      await this.#clearDead()
      await prepareMountFolder(request.mountPoint)
      await startVolumeProcess(request, { level: 'info', signal: stop.signal })
      const client = await findProcess(request.mountPoint)
      if (client === undefined) throw new ApiRefusal('unavailable', 'the volume process gives no answer')
      const status = await client.status()
      this.#serve(new VolumeLink(client, status), Date.now())
      this.#say('mounted', `Mounted at ${request.mountPoint}.`)
    } catch (error) {
      await closeMountFolder(request.mountPoint)
      if (this.host.desired() === 'unmounted') return this.#rest()
      this.#failed(failureOf(error), 'mount-failed')
    }
  }

  #serve(link: VolumeLink, sinceMs: number): void {
    this.sampler = new Sampler()
    this.kernelWaiting = null
    this.#to({ kind: 'serving', sinceMs, link })
    const onReport = () => {
      if (this.link === link) this.host.onReport(this, link)
    }
    this.host.tasks.start('watch', () =>
      link.run({ onReport, onEnded: () => this.host.tasks.start('look after', () => this.#lookAfter(link)) }),
    )
  }

  /** The process hung up. */
  async #lookAfter(link: VolumeLink): Promise<void> {
    if (this.#phase.kind !== 'serving' || this.#phase.link !== link) return
    const { mountPoint, pid, lost } = link.status
    if (await isAlive(pid)) {
      // It ends in good order, or lost only the conversation.
      const deadline = systemClock.monotonicMs() + SILENT_MS
      while ((await isAlive(pid)) && systemClock.monotonicMs() < deadline) await systemClock.sleep(100)
      if (this.#phase.kind !== 'serving' || this.#phase.link !== link) return
      if (await isAlive(pid)) {
        const client = new ControlClient(link.client.socket)
        return this.#serve(new VolumeLink(client, link.status), this.#phase.sinceMs)
      }
    }
    this.host.onGone(link)
    const isDead = mountAt(await readMounts(), mountPoint) !== undefined
    if (lost !== undefined)
      return this.#failed({ message: lost, action: 'details', mayPass: false }, 'crashed')
    if (!isDead) {
      // Unmounted by other means: that is the user's word, too.
      this.host.setDesired('unmounted')
      await closeMountFolder(mountPoint)
      this.#say('unmounted', 'Unmounted from outside of Pomelo’s window.')
      return this.#rest()
    }
    await this.#clearDead()
    if (Date.now() - this.#phase.sinceMs > STABLE_MS) this.#attempt = 0
    this.#failed(CRASHED, 'crashed')
  }

  #failed(failure: MountFailure, kind: 'mount-failed' | 'crashed'): void {
    this.#attempt++
    const again = failure.mayPass && this.host.desired() === 'mounted' && this.host.request() !== undefined
    const pauseMs = backOffMs(this.#attempt)
    if (this.#attempt === 1 || !again)
      this.#say(kind, failure.message, { level: 'error', next: failure.next })
    this.#to({
      kind: 'failed',
      sinceMs: Date.now(),
      failure,
      attempt: this.#attempt,
      ...(again && { retryAtMs: Date.now() + pauseMs }),
    })
    if (!again) return
    const retry = new AbortController()
    this.#retry = retry
    this.host.tasks.start('retry', async () => {
      await systemClock.sleep(pauseMs, retry.signal).catch(() => {})
      if (!retry.signal.aborted && this.#phase.kind === 'failed' && this.host.desired() === 'mounted')
        this.#start()
    })
  }

  #beginUnmount(link: VolumeLink, how: UnmountHow): void {
    const stop = new AbortController()
    const sinceMs = Date.now()
    const onProgress = (progress: UnmountProgress) =>
      this.#to({ kind: 'unmounting', sinceMs, link, progress, stop })
    onProgress({ step: 'flushing', pendingBytes: link.status.pendingBytes, holders: [] })
    this.#unmounting = this.#unmount(link, how, onProgress, stop.signal)
    const running = this.#unmounting
    this.host.tasks.start('unmount', () => running)
  }

  async #unmount(
    link: VolumeLink,
    how: UnmountHow,
    onProgress: (progress: UnmountProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { mountPoint, pid, startedMs } = link.status
    try {
      await unmount({ client: link.client, pid, mountPoint }, how, onProgress, signal)
      this.#drop(link)
      await closeMountFolder(mountPoint)
      this.#say('unmounted', how === 'force' || how === 'abort' ? 'Unmounted by force.' : 'Unmounted.')
      this.#rest()
    } catch (error) {
      if (await isAlive(pid)) {
        if (!signal.aborted) {
          const { message } = failureOf(error)
          this.#say('mount-failed', `It could not be unmounted: ${message}`, {
            level: 'error',
            next: 'Force it.',
          })
        }
        return this.#to({ kind: 'serving', sinceMs: startedMs, link })
      }
      this.#drop(link)
      await this.#clearDead()
      this.#rest()
    }
  }

  #drop(link: VolumeLink): void {
    link.close()
    this.host.onGone(link)
  }

  #rest(): void {
    this.#attempt = 0
    this.#to({ kind: 'unmounted', sinceMs: Date.now() })
  }

  /** Whatever is mounted there whose process is gone is taken out of the tree. */
  async #clearDead(): Promise<void> {
    const mountPoint = this.host.mountPoint()
    for (let mount = await deadMountAt(mountPoint); mount; mount = await deadMountAt(mountPoint))
      await detachMount(mount)
    await closeMountFolder(mountPoint)
  }

  async #mountThere(mountPoint: string) {
    const mount = mountAt(await readMounts(), mountPoint)
    return mount !== undefined && isVolumeMount(mount) ? mount : undefined
  }

  async #end(link: VolumeLink): Promise<void> {
    const { mountPoint, pid } = link.status
    const mount = await this.#mountThere(mountPoint)
    if (mount !== undefined) await abortMount(mount)
    endProcess(pid)
    if (mount !== undefined) await detachMount(mount).catch(() => {})
  }

  #say(kind: NewEvent['kind'], sentence: string, more: Pick<NewEvent, 'level' | 'next'> = {}): void {
    this.host.event({ kind, sentence, volume: { id: this.host.id, name: this.host.name() }, ...more })
  }
}
