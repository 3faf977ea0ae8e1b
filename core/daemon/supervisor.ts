/**
 * All volumes of this computer: a runner for each profile, and one for each mount that somebody made from the command
 * line. Finds running volume processes at the start and every few seconds after it; keeps what it learns of them.
 */
import { readFileSync, watch } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ApiRefusal } from '#core/api/server-errors.ts'
import type { VolumesChange } from '#core/api/volumes.ts'
import { systemClock } from '#core/base/clock.ts'
import type { Log } from '#core/base/log.ts'
import { TaskSet } from '#core/base/tasks.ts'
import { ControlClient, type ProcessStatus } from '#core/volume/control-client.ts'
import { deadMountAt } from '#core/volume/dead-mount.ts'
import { defaultCacheDir } from '#core/volume/volume-options.ts'
import type { SettingsStore } from './app-settings.ts'
import { Broadcast } from './broadcast.ts'
import { DiskWatch } from './disk-watch.ts'
import type { EventLog } from './event-log.ts'
import type { HistoryStore } from './history.ts'
import { mountRequest } from './mount-request.ts'
import type { Places } from './places.ts'
import type { Profiles, StoredProfile } from './profiles.ts'
import type { SecretStore } from './secrets.ts'
import { Turns } from './turns.ts'
import { VolumeIndex } from './volume-index.ts'
import type { VolumeLink } from './volume-link.ts'
import { type RunnerHost, VolumeRunner } from './volume-runner.ts'
import { pendingOf, statusOf } from './volume-status.ts'

export interface SupervisorParts {
  readonly places: Places
  readonly profiles: Profiles
  readonly secrets: SecretStore
  readonly settings: SettingsStore
  readonly events: EventLog
  readonly history: HistoryStore
  readonly log: Log
}

const TICK_MS = 1000
const LOOK_EVERY = 5
const DISKS_EVERY = 60
/** A volume's usage is stored again when it is so old. */
const KEEP_USAGE_MS = 60_000

export class Supervisor {
  readonly parts: SupervisorParts
  readonly tasks: TaskSet
  readonly changes = new Broadcast<VolumesChange>()
  readonly index: VolumeIndex
  readonly #runners = new Map<string, VolumeRunner>()
  readonly #stop = new AbortController()
  readonly #turns = new Turns()
  readonly #disks = new DiskWatch()
  #lookSoon = false

  constructor(parts: SupervisorParts) {
    this.parts = parts
    this.tasks = new TaskSet(parts.log)
    this.index = new VolumeIndex(this)
  }

  /** Adopt what runs, start what is to run, and look after all of it until `stop`. */
  async start(): Promise<void> {
    for (const profile of this.parts.profiles.list()) this.add(profile)
    await this.#look()
    await this.#startWanted()
    this.tasks.start('supervision', () => this.#watch())
    this.#watchFolder()
  }

  /** A mount made from the command line shows within a second; where that cannot be watched, within five. */
  #watchFolder(): void {
    const { runtimeDir } = this.parts.places
    try {
      const watcher = watch(runtimeDir, { persistent: false, signal: this.#stop.signal }, (_event, name) => {
        if (name?.endsWith('.sock')) this.#lookSoon = true
      })
      watcher.on('error', () => {})
    } catch (error) {
      this.parts.log.warn('the control folder cannot be watched', { error })
    }
  }

  /** Let go of everything; volume processes go on. */
  async stop(): Promise<void> {
    this.#stop.abort()
    for (const runner of this.#runners.values()) runner.release()
    await this.tasks.drain()
  }

  runners(): IterableIterator<VolumeRunner> {
    return this.#runners.values()
  }

  has(id: string): boolean {
    return this.#runners.has(id)
  }

  get(id: string): VolumeRunner {
    const found = this.#runners.get(id)
    if (found === undefined)
      throw new ApiRefusal('not-found', `there is no volume ${id} here`, 'look at the list of volumes again')
    return found
  }

  add(profile: StoredProfile): VolumeRunner {
    const { profiles, secrets, settings, places } = this.parts
    const { id } = profile
    const now = () => profiles.get(id)
    const runner = new VolumeRunner(
      this.#host(id, {
        name: () => now().name,
        mountPoint: () => now().mountPoint,
        request: () => mountRequest(now(), secrets.get(id), settings.now, places.volumeLog),
        checkKeys: () => secrets.check(id),
        desired: () => now().desired,
        setDesired: (desired) => {
          if (now().desired === desired && now().desiredBoot === bootId()) return
          profiles.change(id, { desired, desiredBoot: bootId() })
        },
      }),
    )
    this.#runners.set(id, runner)
    this.index.changed(id)
    return runner
  }

  /** Forget a runner; its process, if any, goes on. */
  remove(id: string): void {
    this.#runners.get(id)?.release()
    this.#runners.delete(id)
    this.index.removed(id)
  }

  /** The keys can be read now: what failed without them is mounted. */
  keysCame(): void {
    for (const runner of this.#runners.values())
      if (runner.phase.kind === 'failed' && runner.phase.retryAtMs !== undefined) runner.mount()
  }

  /** A mount nobody saved, at this place. */
  foundAt(mountPoint: string): VolumeRunner | undefined {
    return [...this.#runners.values()].find(
      ({ host }) => host.request() === undefined && host.mountPoint() === mountPoint,
    )
  }

  /** A found mount is saved now: its process goes over to the profile's runner. */
  moveFound(found: VolumeRunner, runner: VolumeRunner): void {
    const { link } = found
    this.remove(found.host.id)
    if (link === undefined) return
    runner.host.setDesired('mounted')
    runner.adopt(link.client, link.status)
  }

  #host(
    id: string,
    of: Pick<RunnerHost, 'name' | 'mountPoint' | 'request' | 'checkKeys' | 'desired' | 'setDesired'>,
  ): RunnerHost {
    return {
      id,
      ...of,
      event: (event) => this.parts.events.add(event),
      changed: () => this.index.changed(id),
      onReport: (runner, link) => this.#onReport(id, runner, link),
      onGone: (link) => this.#keepSeen(id, link, 0),
      tasks: this.tasks,
    }
  }

  #addFound(status: ProcessStatus): VolumeRunner {
    const id = `mount-${status.uuid.slice(0, 8)}-${status.pid}`
    const runner = new VolumeRunner(
      this.#host(id, {
        name: () => status.name,
        mountPoint: () => status.mountPoint,
        request: () => undefined,
        checkKeys: () => {},
        desired: () => 'mounted',
        setDesired: () => {},
      }),
    )
    this.#runners.set(id, runner)
    return runner
  }

  #onReport(id: string, runner: VolumeRunner, link: VolumeLink): void {
    const numbers = link.numbers()
    const sample = numbers === undefined ? undefined : runner.sampler.take(numbers)
    if (sample !== undefined) this.parts.history.add(id, sample)
    this.#keepSeen(id, link)
    this.index.changed(id)
  }

  /** What a list shows of a volume that is not mounted. */
  #keepSeen(id: string, { status, report }: VolumeLink, olderMs = KEEP_USAGE_MS): void {
    const profile = this.parts.profiles.find(id)
    if (profile === undefined || report === undefined) return
    const { seen } = profile
    const { usage } = report
    const isNew = seen === null || seen.uuid !== status.uuid
    if (!isNew && (usage === undefined || Date.now() - (seen.usage?.asOfMs ?? 0) < olderMs)) return
    this.parts.profiles.change(id, {
      seen: {
        volumeName: status.name,
        uuid: status.uuid,
        store: report.store,
        usage: usage === undefined ? (seen?.usage ?? null) : { ...usage, asOfMs: Date.now() },
      },
    })
  }

  async #watch(): Promise<void> {
    for (let tick = 1; !this.#stop.signal.aborted; tick++) {
      await systemClock.sleep(TICK_MS, this.#stop.signal).catch(() => {})
      if (this.#stop.signal.aborted) return
      if (this.#lookSoon || tick % LOOK_EVERY === 0) await this.#look()
      for (const runner of this.#runners.values()) await runner.lookAtKernel()
      this.#tellTurns()
      if (tick % DISKS_EVERY === 1) this.tasks.start('disks of caches', () => this.#lookAtDisks())
      this.parts.history.tick()
      this.index.tick()
    }
  }

  #tellTurns(): void {
    for (const runner of this.#runners.values()) {
      const { host, link, phase } = runner
      if (phase.kind !== 'serving') this.#turns.forget(host.id)
      else {
        const seen = {
          status: statusOf(runner),
          pending: pendingOf(link),
          meta: link?.report?.meta,
          backupError: link?.status.backup?.error,
        }
        for (const event of this.#turns.look({ id: host.id, name: host.name(), ...seen }, Date.now()))
          this.parts.events.add(event)
      }
    }
  }

  async #lookAtDisks(): Promise<void> {
    const { profiles, settings } = this.parts
    const { cacheDir, freeSpaceRatio } = settings.now
    const mounted = profiles.list().filter(({ id }) => this.get(id).link !== undefined)
    const places = mounted.map(({ settings: own }) => ({
      dir: own.cacheDir ?? cacheDir ?? defaultCacheDir(),
      freeSpaceRatio: own.freeSpaceRatio ?? freeSpaceRatio,
    }))
    for (const event of await this.#disks.look(places)) this.parts.events.add(event)
  }

  async #look(): Promise<void> {
    this.#lookSoon = false
    const known = new Set([...this.#runners.values()].map(({ link }) => link?.client.socket))
    const { runtimeDir } = this.parts.places
    for (const name of await readdir(runtimeDir).catch(() => [])) {
      const socket = join(runtimeDir, name)
      if (!name.endsWith('.sock') || known.has(socket)) continue
      const client = new ControlClient(socket)
      const status = await client.status({ silenceMs: 2000 }).catch(() => undefined)
      if (status !== undefined && status.state === 'serving') this.#adopt(client, status)
    }
    this.#dropFound()
  }

  #adopt(client: ControlClient, status: ProcessStatus): void {
    const own = [...this.#runners.values()].find(
      ({ host, link }) =>
        host.request() !== undefined && link === undefined && host.mountPoint() === status.mountPoint,
    )
    if (own?.phase.kind === 'mounting') return
    own?.host.setDesired('mounted')
    const runner = own ?? this.#addFound(status)
    runner.adopt(client, status)
  }

  /** Mounts nobody saved leave the list when they end. */
  #dropFound(): void {
    for (const [id, runner] of this.#runners) {
      if (runner.host.request() === undefined && runner.link === undefined) this.remove(id)
    }
  }

  /**
   * After a crash of the daemon what died meanwhile is started again; after a boot what is mounted at login. What is
   * neither running nor dead was unmounted meanwhile, by the user.
   */
  async #startWanted(): Promise<void> {
    for (const profile of this.parts.profiles.list()) {
      const runner = this.get(profile.id)
      if (runner.link !== undefined) continue
      const isThisBoot = profile.desiredBoot === bootId()
      const died = async () => (await deadMountAt(profile.mountPoint)) !== undefined
      const wanted = isThisBoot ? profile.desired === 'mounted' && (await died()) : profile.mountAtLogin
      if (wanted) runner.mount()
      else if (profile.desired === 'mounted') runner.host.setDesired('unmounted')
    }
  }
}

let boot: string | undefined

/** Names this run of the kernel. */
function bootId(): string {
  try {
    return (boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
  } catch {
    return (boot ??= 'unknown')
  }
}
