import type { Pin } from '#core/api/files.ts'
import type { TasksService } from '#core/api/services.ts'
import type { Task, TaskKind, TaskProgress } from '#core/api/tasks.ts'
import type { Volume } from '#core/api/volumes.ts'
import { entry } from './tree.ts'
import { changesOf } from './watch.ts'
import { refusal, type World } from './world.ts'

type Unit = TaskProgress['unit']

const STEPS: Readonly<Partial<Record<TaskKind, readonly [string, Unit, number]>>> = {
  fsck: ['checking metadata', 'objects', 210_400],
  gc: ['listing objects', 'objects', 210_400],
  'warm-up': ['fetching blocks', 'bytes', 3.4 * 2 ** 30],
  upload: ['uploading', 'bytes', 640 * 2 ** 20],
  download: ['downloading', 'bytes', 1.2 * 2 ** 30],
}
const PAUSED: readonly TaskKind[] = ['fsck', 'gc', 'compact', 'warm-up', 'dump', 'upload', 'download']
const TICK_MS = 500

export function fakeTasks(world: World): TasksService {
  if (world.scenario === 'typical' || world.scenario === 'absurd') seed(world)
  const task = (taskId: string) => {
    const found = world.tasks.get(taskId)
    if (found === undefined) throw refusal('not-found', 'That task is over and forgotten.')
    return found
  }
  return {
    list: ({ id, running, limit }) =>
      [...world.tasks.values()]
        .filter(
          (each) => (id === undefined || each.volumeId === id) && (!running || each.state === 'running'),
        )
        .slice(0, limit),
    async *watch(signal) {
      for await (const { kind, items, ...rest } of changesOf(world, signal, () => world.tasks))
        yield kind === 'all'
          ? { kind, tasks: items }
          : { kind, tasks: items, removed: 'removed' in rest ? rest.removed : [] }
    },
    async start(spec) {
      const id = 'id' in spec ? spec.id : null
      const target = 'paths' in spec ? spec.paths[0] : 'path' in spec ? spec.path : undefined
      const { volume } = id === null ? { volume: undefined } : world.find(id)
      const titles: Partial<Record<TaskKind, string>> = {
        fsck: 'Check volume',
        gc: 'Collect garbage',
        'warm-up': `Warm up ${target}`,
        'drop-cache': `Drop ${target} from the cache`,
        pin: `Keep on this computer: ${target}`,
        'count-space': 'Count space',
        survey: 'Survey the bucket',
        'find-duplicates': 'Find duplicates',
        dedup: 'Store duplicates once',
        'remove-tree': `Delete ${target}`,
        'restore-trash': 'Restore from trash',
        'empty-trash': 'Empty the trash',
        dump: 'Back up metadata',
        destroy: `Delete volume ${volume?.name}`,
      }
      if (spec.kind === 'pin')
        world.pins.set(spec.id, [...(world.pins.get(spec.id) ?? []), ...pinsOf(spec.paths)])
      if (spec.kind === 'destroy' && volume !== undefined)
        world.later(4000, () => world.volumes.delete(volume.id))
      return run(world, spec.kind, titles[spec.kind] ?? spec.kind, volume)
    },
    async cancel(taskId) {
      return world.setTask({
        ...task(taskId),
        state: 'cancelled',
        endedMs: Date.now(),
        canCancel: false,
        canPause: false,
        pausedSinceMs: null,
        canRetry: true,
      })
    },
    async pause(taskId) {
      return world.setTask({ ...task(taskId), pausedSinceMs: Date.now() })
    },
    async resume(taskId) {
      return world.setTask({ ...task(taskId), pausedSinceMs: null })
    },
    async retry(taskId) {
      const { kind, title, volumeId } = task(taskId)
      world.tasks.delete(taskId)
      return run(world, kind, title, volumeId === null ? undefined : world.find(volumeId).volume)
    },
    clear() {
      for (const { taskId, state } of world.tasks.values())
        if (state !== 'running') world.tasks.delete(taskId)
    },
  }
}

/** The task that makes a volume; `made` adds it when the steps are done. */
export function startCreate(world: World, name: string, made: () => Volume): Task {
  const steps = ['testing the metadata server', 'testing the bucket', 'writing the settings', 'mounting']
  const taskId = `t${world.nextId()}`
  const step = (at: number): void => {
    const task = world.tasks.get(taskId)
    if (task?.state !== 'running') return
    if (at < steps.length) {
      world.setTask({ ...task, progress: { step: steps[at]!, done: at, total: steps.length, unit: 'steps' } })
      world.later(500, () => step(at + 1))
      return
    }
    const volumeId = made().id
    world.setTask({
      ...task,
      state: 'done',
      volumeId,
      endedMs: Date.now(),
      canCancel: false,
      progress: { ...task.progress, done: steps.length },
      result: { sentence: `${name} is ready.`, facts: [], findings: [], items: [], volumeId },
    })
  }
  world.later(400, () => step(1))
  return world.setTask({
    taskId,
    kind: 'create',
    volumeId: null,
    volumeName: name,
    title: `Create volume ${name}`,
    state: 'running',
    startedMs: Date.now(),
    endedMs: null,
    progress: { step: steps[0]!, done: 0, total: steps.length, unit: 'steps' },
    result: null,
    error: null,
    canCancel: true,
    canPause: false,
    pausedSinceMs: null,
    canRetry: false,
  })
}

function run(world: World, kind: TaskKind, title: string, volume: Volume | undefined, at = 0): Task {
  const [step, unit, total] = STEPS[kind] ?? ['working', 'files', 4200]
  const taskId = `t${world.nextId()}`
  const advance = (): void => {
    const task = world.tasks.get(taskId)
    if (task?.state !== 'running') return
    if (task.pausedSinceMs !== null) {
      world.later(TICK_MS, advance)
      return
    }
    const done = Math.min(total, task.progress.done + total * 0.012)
    if (done < total) {
      world.setTask({ ...task, progress: { ...task.progress, done } })
      world.later(TICK_MS, advance)
    } else {
      world.setTask({
        ...task,
        state: 'done',
        endedMs: Date.now(),
        canCancel: false,
        canPause: false,
        canRetry: true,
        progress: { ...task.progress, done },
        result: { sentence: `${title}: done, nothing to report.`, facts: [], findings: [], items: [] },
      })
    }
  }
  world.later(TICK_MS, advance)
  return world.setTask({
    taskId,
    kind,
    volumeId: volume?.id ?? null,
    volumeName: volume?.name ?? '',
    title,
    state: 'running',
    startedMs: Date.now() - at * 60_000,
    endedMs: null,
    progress: { step, done: total * at, total, unit },
    result: null,
    error: null,
    canCancel: true,
    canPause: PAUSED.includes(kind),
    pausedSinceMs: null,
    canRetry: false,
  })
}

function pinsOf(paths: readonly string[]): readonly Pin[] {
  return paths.map((path) => {
    const { ino, type, size } = entry(path, path.includes('.') ? 'file' : 'directory', 4.2 * 2 ** 20)
    const bytes = type === 'directory' ? 3.4 * 2 ** 30 : size
    const looked = { files: type === 'directory' ? 310 : 1, bytes, cachedBytes: bytes * 0.4 }
    return { ino, path, type, sinceMs: Date.now(), asOfMs: Date.now(), ...looked }
  })
}

function seed(world: World): void {
  const volume = (id: string) => world.find(id).volume
  run(world, 'warm-up', 'Warm up /projects/2026/autumn', volume('v1'), 0.34)
  run(world, 'upload', 'Upload interview-raw.mov', volume('v2'), 0.62)
  const failed = run(world, 'fsck', 'Check volume', volume('v4'))
  world.setTask({
    ...failed,
    state: 'failed',
    startedMs: Date.now() - 648_000,
    endedMs: Date.now() - 600_000,
    canCancel: false,
    canPause: false,
    canRetry: true,
    error: {
      message: 'The bucket refused the listing (403 AccessDenied).',
      next: 'Give the key ListBucket on this bucket.',
    },
  })
  const done = run(world, 'gc', 'Collect garbage', volume('v1'))
  world.setTask({
    ...done,
    state: 'done',
    startedMs: Date.now() - 7_400_000,
    endedMs: Date.now() - 7_200_000,
    canCancel: false,
    canPause: false,
    canRetry: true,
    result: {
      sentence: '14 leaked objects (38 MiB) found; 2,102 slices are pending, 31 too new to judge.',
      facts: [
        { label: 'Objects', value: 210_431, unit: 'count' },
        { label: 'Leaked', value: 38 * 2 ** 20, unit: 'bytes' },
      ],
      findings: [],
      items: Array.from({ length: 14 }, (_, at) => ({
        path: `chunks/0/12/${12345 + at}_0_4194304`,
        note: 'leaked',
      })),
    },
  })
}
