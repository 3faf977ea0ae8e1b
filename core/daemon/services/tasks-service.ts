/** Tasks: what runs and what has ended, with progress, cancel and retry. Ended ones are kept in the database. */
import { randomUUID } from 'node:crypto'
import { ApiRefusal, errorData, errorMessage, toApiError } from '#core/api/server-errors.ts'
import type { TasksService } from '#core/api/services.ts'
import { type Task, type TaskProgress, type TaskResult, type TasksChange, taskSpec } from '#core/api/tasks.ts'
import { Gate, gated, pass } from '#core/base/gate.ts'
import { TaskSet } from '#core/base/tasks.ts'
import { formatSize } from '#core/base/units.ts'
import { Broadcast } from '../broadcast.ts'
import type { Daemon } from '../daemon.ts'
import type { Db } from '../database.ts'
import { canPause, runTask, type Spec, titleOf } from '../task-kinds.ts'

/** What tasks kept by an older version have not. */
const ENDED = { canPause: false, pausedSinceMs: null } as const
const KEPT = 200
const TELL_EVERY_MS = 500
const MOST_RUNNING = 32

export interface Transfer {
  readonly kind: 'upload' | 'download'
  readonly id: string
  readonly title: string
  readonly total: number | null
  readonly signal: AbortSignal
}

/** Told how many bytes have gone; the signal has the task's gate in its way. */
type TransferWork = (onBytes: (done: number) => void, signal: AbortSignal) => Promise<void>

interface Running {
  readonly stop: AbortController
  readonly gate: Gate
  toldMs: number
}

export class Tasks implements TasksService {
  readonly #daemon: Daemon
  readonly #db: Db
  readonly #tasks = new Map<string, Task>()
  readonly #running = new Map<string, Running>()
  /** To try again: kept in memory only, as a spec may hold secrets. */
  readonly #specs = new Map<string, Spec>()
  readonly #changes = new Broadcast<TasksChange>()
  readonly #work: TaskSet

  constructor(daemon: Daemon, db: Db) {
    this.#daemon = daemon
    this.#db = db
    this.#work = new TaskSet(daemon.log)
    for (const row of db.prepare('SELECT json FROM tasks ORDER BY started_ms').all() as { json: string }[]) {
      const task = JSON.parse(row.json) as Task
      this.#tasks.set(task.taskId, { ...ENDED, ...task, canRetry: false })
    }
  }

  list({ id, running, limit }: Parameters<TasksService['list']>[0]): readonly Task[] {
    return [...this.#tasks.values()]
      .reverse()
      .filter((task) => id === undefined || task.volumeId === id)
      .filter((task) => running === undefined || (task.state === 'running') === running)
      .slice(0, limit)
  }

  async *watch(signal: AbortSignal): AsyncIterable<TasksChange> {
    const changes = this.#changes.listen(signal)
    yield { kind: 'all', tasks: this.list({ limit: KEPT }) }
    yield* changes
  }

  async start(spec: Spec): Promise<Task> {
    const id = 'id' in spec ? spec.id : null
    const name = id === null ? this.#newName(spec) : this.#daemon.supervisor.get(id).host.name()
    const progress = { step: 'starting', done: 0, total: null, unit: 'steps' } as const
    const task = this.#begin(spec.kind, id, name, titleOf(spec), progress, canPause(spec))
    this.#specs.set(task.taskId, spec)
    const { stop, gate } = this.#running.get(task.taskId)!
    this.#work.start(spec.kind, async () => {
      const onProgress = (progress: Partial<TaskProgress>) => this.#progress(task.taskId, progress)
      await this.#finish(task.taskId, () =>
        runTask(spec, { daemon: this.#daemon, signal: stop.signal, gate, onProgress }),
      )
    })
    return task
  }

  /** A transfer whose bytes pass through the daemon; rejects as `work` does. */
  async transfer({ kind, id, title, total, signal }: Transfer, work: TransferWork): Promise<void> {
    const name = this.#daemon.supervisor.get(id).host.name()
    const progress = { step: 'transferring', done: 0, total, unit: 'bytes' } as const
    const { taskId } = this.#begin(kind, id, name, title, progress, true)
    const { stop, gate } = this.#running.get(taskId)!
    let failure: unknown
    const both = gated(AbortSignal.any([stop.signal, signal]), gate)
    let moved = 0
    await this.#finish(taskId, async () => {
      try {
        await work((done) => {
          moved = done
          this.#progress(taskId, { done })
        }, both)
      } catch (error) {
        failure = error
        throw error
      }
      return { sentence: `${formatSize(moved)} were transferred.`, facts: [], findings: [], items: [] }
    })
    if (failure !== undefined) throw failure
  }

  /** The same for bytes that somebody takes out of an iterator. */
  async *outgoing(
    transfer: Transfer,
    open: (signal: AbortSignal) => AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array> {
    const taken = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<Parameters<TransferWork>>()
    const task = this.transfer(transfer, (...how) => {
      begun.resolve(how)
      return taken.promise
    })
    task.catch(begun.reject)
    const [onBytes, signal] = await begun.promise
    try {
      let done = 0
      for await (const piece of open(signal)) {
        yield piece
        done += piece.length
        onBytes(done)
        await pass(signal)
      }
      taken.resolve()
    } catch (error) {
      taken.reject(error)
      throw error
    } finally {
      // Whoever takes no more has given up.
      taken.reject(new DOMException('the download was given up', 'AbortError'))
      await task.catch(() => {})
    }
  }

  async pause(taskId: string): Promise<Task> {
    const task = this.#get(taskId)
    if (!task.canPause)
      throw new ApiRefusal('refused', `“${task.title}” cannot be paused`, 'cancel it, or let it end')
    if (task.pausedSinceMs !== null) return task
    this.#running.get(taskId)!.gate.close()
    return this.#set({ ...task, pausedSinceMs: Date.now() })
  }

  async resume(taskId: string): Promise<Task> {
    const task = this.#get(taskId)
    if (task.pausedSinceMs === null) return task
    this.#running.get(taskId)!.gate.open()
    return this.#set({ ...task, pausedSinceMs: null })
  }

  async cancel(taskId: string): Promise<Task> {
    const task = this.#get(taskId)
    this.#running.get(taskId)?.stop.abort(new DOMException('cancelled', 'AbortError'))
    return task
  }

  async retry(taskId: string): Promise<Task> {
    this.#get(taskId)
    const spec = this.#specs.get(taskId)
    if (spec === undefined)
      throw new ApiRefusal('refused', 'this task cannot be started again', 'start a new one')
    return this.start(taskSpec.parse(spec))
  }

  clear(): void {
    const removed = [...this.#tasks.values()]
      .filter(({ state }) => state !== 'running')
      .map(({ taskId }) => taskId)
    for (const taskId of removed) this.#drop(taskId)
    this.#changes.send({ kind: 'change', tasks: [], removed })
  }

  /** Ends what runs. */
  async close(): Promise<void> {
    for (const { stop } of this.#running.values())
      stop.abort(new DOMException('the daemon ends', 'AbortError'))
    await this.#work.drain()
  }

  #newName(spec: Spec): string {
    return spec.kind === 'create' ? (spec.create.name ?? spec.create.format.volumeName) : ''
  }

  #begin(
    kind: Task['kind'],
    volumeId: string | null,
    volumeName: string,
    title: string,
    progress: TaskProgress,
    canPause: boolean,
  ): Task {
    if (this.#running.size >= MOST_RUNNING)
      throw new ApiRefusal(
        'conflict',
        `${MOST_RUNNING} tasks are running already`,
        'wait for one to end, or cancel one',
      )
    const task: Task = {
      taskId: randomUUID(),
      kind,
      volumeId,
      volumeName,
      title,
      state: 'running',
      startedMs: Date.now(),
      endedMs: null,
      progress,
      result: null,
      error: null,
      canCancel: true,
      canPause,
      pausedSinceMs: null,
      canRetry: false,
    }
    this.#running.set(task.taskId, { stop: new AbortController(), gate: new Gate(), toldMs: 0 })
    this.#set(task)
    return task
  }

  async #finish(taskId: string, work: () => Promise<TaskResult>): Promise<void> {
    const { stop } = this.#running.get(taskId)!
    let end: Pick<Task, 'state' | 'result' | 'error'>
    try {
      end = { state: 'done', result: await work(), error: null }
    } catch (error) {
      const shown = toApiError(error)
      const { kind, next } = errorData(shown)
      if (kind === 'internal')
        this.#daemon.log.error('a task failed', { error, stack: (error as Error)?.stack })
      end =
        stop.signal.aborted || kind === 'cancelled'
          ? { state: 'cancelled', result: null, error: null }
          : { state: 'failed', result: null, error: { message: errorMessage(shown), next } }
    }
    this.#running.delete(taskId)
    const task = {
      ...this.#get(taskId),
      ...end,
      endedMs: Date.now(),
      canCancel: false,
      canPause: false,
      pausedSinceMs: null,
      canRetry: this.#specs.has(taskId) && end.state !== 'done',
    }
    this.#set(task)
    this.#keep(task)
    this.#say(task)
  }

  #say({ kind, title, state, volumeId, volumeName, result, error }: Task): void {
    if (kind === 'upload' || kind === 'download' || state === 'cancelled') return
    const volume = volumeId === null ? undefined : { id: volumeId, name: volumeName }
    if (state === 'failed')
      this.#daemon.events.add({
        kind: 'task-failed',
        level: 'error',
        volume,
        sentence: `${title}: ${error!.message}`,
        next: error!.next,
      })
    else this.#daemon.events.add({ kind: 'task-done', volume, sentence: `${title}: ${result!.sentence}` })
  }

  #progress(taskId: string, progress: Partial<TaskProgress>): void {
    const running = this.#running.get(taskId)
    if (running === undefined) return
    const task = this.#get(taskId)
    const next = { ...task, progress: { ...task.progress, ...progress } }
    const isNews = next.progress.step !== task.progress.step || Date.now() - running.toldMs >= TELL_EVERY_MS
    this.#tasks.set(taskId, next)
    if (!isNews) return
    running.toldMs = Date.now()
    this.#changes.send({ kind: 'change', tasks: [next], removed: [] })
  }

  #set(task: Task): Task {
    this.#tasks.set(task.taskId, task)
    const removed: string[] = []
    for (const [taskId, { state }] of this.#tasks) {
      if (this.#tasks.size <= KEPT) break
      if (state !== 'running') removed.push(taskId)
      if (state !== 'running') this.#drop(taskId)
    }
    this.#changes.send({ kind: 'change', tasks: [task], removed })
    return task
  }

  #keep(task: Task): void {
    this.#db
      .prepare('INSERT OR REPLACE INTO tasks (id, started_ms, json) VALUES (?, ?, ?)')
      .run(task.taskId, task.startedMs, JSON.stringify(task))
  }

  #drop(taskId: string): void {
    this.#tasks.delete(taskId)
    this.#specs.delete(taskId)
    this.#db.prepare('DELETE FROM tasks WHERE id = ?').run(taskId)
  }

  #get(taskId: string): Task {
    const task = this.#tasks.get(taskId)
    if (task === undefined)
      throw new ApiRefusal('not-found', 'there is no such task', 'look at the list of tasks again')
    return task
  }
}
