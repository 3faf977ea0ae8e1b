/** The invented computer: its volumes, tasks and events, and a clock that moves them once a second. */
import type { LogEvent } from '#core/api/events.ts'
import type { Pin } from '#core/api/files.ts'
import type { HolderInfo, UnmountStep, VolumeStatus } from '#core/api/states.ts'
import type { Task } from '#core/api/tasks.ts'
import type { Volume } from '#core/api/volumes.ts'
import { ratesAt } from './samples.ts'
import { type FakeVolume, type Scenario, volumesOf } from './scenarios.ts'

const TICK_MS = 1000
const VIM: HolderInfo = {
  pid: 4121,
  command: 'vim',
  uses: [
    { how: 'open', path: '/home/ines/Volumes/notes/notes.md' },
    { how: 'cwd', path: '/home/ines/Volumes/notes' },
  ],
}
const SHELL: HolderInfo = {
  pid: 4044,
  command: 'bash',
  uses: [{ how: 'cwd', path: '/home/ines/Volumes/notes' }],
}

export class World {
  readonly volumes = new Map<string, FakeVolume>()
  readonly tasks = new Map<string, Task>()
  /** By volume. */
  readonly pins = new Map<string, readonly Pin[]>()
  readonly events: LogEvent[] = []
  readonly scenario: Scenario
  /** Called after each tick with what changed. */
  readonly #listeners = new Set<() => void>()
  #nextId = 1

  constructor(scenario: Scenario) {
    this.scenario = scenario
    for (const fake of volumesOf(scenario, Date.now())) this.volumes.set(fake.volume.id, fake)
    setInterval(() => this.#tick(), TICK_MS)
    this.#tick()
  }

  nextId(): number {
    return this.#nextId++
  }

  find(id: string): FakeVolume {
    const fake = this.volumes.get(id)
    if (fake === undefined) throw refusal('not-found', `There is no volume ${id} here.`)
    return fake
  }

  change(id: string, change: Partial<Volume>): Volume {
    const fake = this.find(id)
    fake.volume = { ...fake.volume, ...change }
    this.#notify()
    return fake.volume
  }

  log(event: Omit<LogEvent, 'eventId' | 'atMs'>, atMs = Date.now()): void {
    this.events.unshift({ ...event, eventId: this.nextId(), atMs })
    this.#notify()
  }

  setTask(task: Task): Task {
    this.tasks.set(task.taskId, task)
    this.#notify()
    return task
  }

  /** Run `step` in so many milliseconds. */
  later(ms: number, step: () => void): void {
    setTimeout(step, ms)
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  mount(id: string): Volume {
    const status = (
      state: VolumeStatus['state'],
      line: string,
      action: VolumeStatus['action'],
    ): VolumeStatus => ({
      state,
      line,
      action,
      sinceMs: Date.now(),
    })
    this.later(600, () =>
      this.#advance(id, 'mounting', {
        status: status('mounting', 'Reading the volume’s settings… 1 s', 'cancel'),
      }),
    )
    this.later(1400, () => {
      this.#advance(id, 'mounting', {
        status: status('mounted', 'All changes are uploaded.', 'open-folder'),
        rates: { readBps: 0, writeBps: 0, opsPerSec: 0, hitRate: null, metaMs: null },
        pid: 40_500,
        startedMs: Date.now(),
      })
      const { name } = this.find(id).volume
      this.log({
        level: 'info',
        kind: 'mounted',
        volumeId: id,
        volumeName: name,
        sentence: `${name} is mounted.`,
      })
    })
    return this.change(id, {
      status: status('mounting', 'Connecting to the metadata server… 0 s', 'cancel'),
      desired: 'mounted',
    })
  }

  unmount(id: string, how: string): Volume {
    const fake = this.find(id)
    if (how === 'ask' && fake.volume.pending.bytes > 0) {
      this.later(2000, () => this.#unmountStep(id, fake.held ? 'busy' : 'flushing'))
      if (!fake.held) this.later(6000, () => this.#unmounted(id))
      return this.#unmountStep(id, 'uploading')
    }
    if (fake.held && (how === 'ask' || how === 'skip-uploads')) return this.#unmountStep(id, 'busy')
    this.later(700, () => this.#unmounted(id))
    return this.#unmountStep(id, how === 'force' ? 'forcing' : how === 'abort' ? 'aborting' : 'flushing')
  }

  #unmountStep(id: string, step: UnmountStep): Volume {
    const { volume } = this.find(id)
    const line = {
      flushing: 'Writing what programs have written.',
      uploading: `Waiting for uploads: ${volume.pending.blocks} blocks.`,
      busy: '`vim` (pid 4121) holds notes.md',
      forcing: 'Cutting the connection.',
      aborting: 'Ending the mount.',
    }[step]
    return this.change(id, {
      desired: 'unmounted',
      status: {
        state: 'unmounting',
        line,
        action: 'force',
        sinceMs: Date.now(),
        unmount: { step, pendingBytes: volume.pending.bytes, holders: step === 'busy' ? [VIM, SHELL] : [] },
      },
    })
  }

  #unmounted(id: string): void {
    const { name } = this.find(id).volume
    this.#advance(id, 'unmounting', {
      status: {
        state: 'unmounted',
        line: 'Not mounted on this computer.',
        action: 'mount',
        sinceMs: Date.now(),
      },
      rates: null,
      pid: null,
      startedMs: null,
      pending: { blocks: 0, bytes: 0, oldestMs: null },
      safeToShutDown: true,
    })
    this.log({
      level: 'info',
      kind: 'unmounted',
      volumeId: id,
      volumeName: name,
      sentence: `${name} is unmounted.`,
    })
  }

  /** Only when nothing else happened in between. */
  #advance(id: string, from: VolumeStatus['state'], change: Partial<Volume>): void {
    if (this.volumes.get(id)?.volume.status.state === from) this.change(id, change)
  }

  #tick(): void {
    const nowMs = Date.now()
    for (const fake of this.volumes.values()) {
      if (fake.volume.rates === null || fake.load === 0) continue
      fake.volume = { ...fake.volume, rates: ratesAt(fake.volume.id, fake.load, nowMs) }
    }
    this.#notify()
  }

  #notify(): void {
    for (const listener of this.#listeners) listener()
  }
}

/** An error as the API's client throws it. */
export function refusal(kind: string, message: string, next?: string): Error {
  return Object.assign(new Error(message), { data: { kind, next } })
}
