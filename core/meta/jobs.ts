/**
 * What some client of a volume does about once an hour: data of deleted files, slices without users, the
 * trash, delayed slices, abandoned clones. A gate in the engine lets one client in per period.
 *
 * Source: shared/spec/fs-semantics.md §9; meta-records.md §8-11, 16, 17.
 */
import { setMaxListeners } from 'node:events'
import { Fan } from '#core/base/fan.ts'
import { TRASH_INO } from '#core/base/ino.ts'
import type { DataDeletions } from './deletions.ts'
import { removeDetached } from './ops/detached.ts'
import { sliceUses } from './ops/slice-uses.ts'
import { pagesOf } from './ops/walk.ts'
import type { DelayedSlices, GateName } from './records.ts'
import type { MetaState } from './state.ts'
import { expireTrash } from './trash.ts'

const HOUR_SEC = 3600
const DAY_SEC = 86_400
const JITTER = 0.05
/** A job that runs longer leaves the rest to the next run. */
const MAX_RUN_MS = 50 * 60_000
const PAGE = 1000
/** Files or slices worked on at the same time; `deletions` has the limits proper. */
const WIDTH = 32
/** Deleted files and abandoned clones are left alone by others for this long. */
const FILE_REST_SEC = HOUR_SEC
const DETACHED_REST_SEC = DAY_SEC

export class Jobs {
  readonly #state: MetaState
  readonly #deletions: DataDeletions
  readonly #stopping = new AbortController()
  #loops: Promise<void>[] = []

  constructor(state: MetaState, deletions: DataDeletions) {
    this.#state = state
    this.#deletions = deletions
  }

  /** Nothing on read-only clients and with `noBackgroundJobs`. */
  start(): void {
    const { readOnly, noBackgroundJobs } = this.#state.options
    if (readOnly || noBackgroundJobs || this.#loops.length > 0) return
    this.#loops = [
      this.#hourly('lastCleanupFiles', async (signal) => {
        const nowSec = this.#state.clock.nowSec()
        await cleanDeletedFiles(this.#state, this.#deletions, nowSec - FILE_REST_SEC, signal)
        await cleanDetached(this.#state, nowSec - DETACHED_REST_SEC, signal)
      }),
      this.#hourly('nextCleanupSlices', (signal) => cleanUnusedSlices(this.#state, this.#deletions, signal)),
      this.#hourly('lastCleanupTrash', async (signal) => {
        const { setting, clock } = this.#state
        const nowSec = clock.nowSec()
        await this.#expireTrash(nowSec - (24 * setting.TrashDays + 2) * HOUR_SEC, signal)
        await cleanDelayedSlices(this.#state, this.#deletions, nowSec - setting.TrashDays * DAY_SEC, signal)
      }),
    ]
  }

  /** Ends the loops; a job under way stops at the next item. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#loops)
  }

  async #expireTrash(before: number, signal: AbortSignal): Promise<void> {
    const [trash] = await this.#state.engine.read([{ kind: 'node', ino: TRASH_INO }])
    if (trash !== null) await expireTrash(this.#state, before, signal)
  }

  async #hourly(gate: GateName, job: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    const { clock, random, engine, log } = this.#state
    const stop = this.#stopping.signal
    while (!stop.aborted) {
      const jitter = 1 + (2 * random.next() - 1) * JITTER
      await clock.sleep(HOUR_SEC * 1000 * jitter, stop).catch(() => {})
      if (stop.aborted) return
      const late = new AbortController()
      const signal = AbortSignal.any([stop, late.signal])
      setMaxListeners(0, signal)
      const ended = new AbortController()
      clock.sleep(MAX_RUN_MS, ended.signal).then(
        () => late.abort(),
        () => {},
      )
      try {
        if (await engine.claim(gate, clock.nowSec(), 0.9 * HOUR_SEC)) await job(signal)
      } catch (error) {
        if (!signal.aborted) log.warn('clean-up stopped; the next run goes on', { gate, error })
      } finally {
        ended.abort()
      }
    }
  }
}

/** Remove the data of files deleted before `before` (unix seconds). Returns how many. */
export async function cleanDeletedFiles(
  state: MetaState,
  deletions: DataDeletions,
  before: number,
  signal?: AbortSignal,
): Promise<number> {
  let files = 0
  for await (const page of pagesOf(state, { kind: 'deletedFiles' }, PAGE)) {
    const due = page.filter(({ deleted }) => deleted < before)
    files += await each(state, due, signal, ({ ino, length }) => deletions.removeFile(ino, length, signal))
  }
  return files
}

/** Remove the slices that no chunk uses. Returns how many. */
export async function cleanUnusedSlices(
  state: MetaState,
  deletions: DataDeletions,
  signal?: AbortSignal,
): Promise<number> {
  let slices = 0
  for await (const page of pagesOf(state, { kind: 'unusedSlices' }, PAGE))
    slices += await each(state, page, signal, ({ id, size }) => deletions.removeSlice(id, size, signal))
  return slices
}

/** Let go of slices that compactions replaced before `before` (unix seconds). Returns how many records. */
export async function cleanDelayedSlices(
  state: MetaState,
  deletions: DataDeletions,
  before: number,
  signal?: AbortSignal,
): Promise<number> {
  let records = 0
  for await (const page of pagesOf(state, { kind: 'delayedSlices' }, PAGE)) {
    const due = page.filter(({ deleted }) => deleted < before)
    records += await each(state, due, signal, async (record) => {
      const unused = await releaseDelayed(state, record)
      await Promise.all(unused.map(({ id, size }) => deletions.removeSlice(id, size, signal)))
    })
  }
  return records
}

/**
 * One use less of each slice, and the record gone, at once. Two clients may find the same record: the second
 * finds it missing and does nothing.
 */
async function releaseDelayed(
  state: MetaState,
  record: DelayedSlices,
): Promise<readonly { readonly id: number; readonly size: number }[]> {
  const { newId, deleted, slices } = record
  const uses = [...sliceUses(slices.map(({ id, size }) => ({ pos: 0, id, size, off: 0, len: size })))]
  const outcome = await state.engine.commit(
    'delayed slices',
    [{ kind: 'recordIs', key: { kind: 'delayedSlices', newId, deleted }, is: record }],
    [
      { kind: 'delDelayedSlices', newId, deleted },
      ...uses.map(({ id, size, uses }) => ({ kind: 'addSliceRef', id, size, add: -uses }) as const),
    ],
  )
  return outcome.ok ? uses.filter((_, k) => outcome.replies[k + 1]! <= 0) : []
}

/** Remove trees that a clone began before `before` (unix seconds) and never attached. Returns how many. */
export async function cleanDetached(state: MetaState, before: number, signal?: AbortSignal): Promise<number> {
  let trees = 0
  for await (const page of pagesOf(state, { kind: 'detached' }, PAGE)) {
    const due = page.filter(({ added }) => added < before)
    trees += await each(state, due, signal, ({ ino }) => removeDetached(state, ino, signal))
  }
  return trees
}

/** Work on several at a time; one that fails is logged and left for the next run. Returns how many went well. */
async function each<T>(
  state: MetaState,
  items: readonly T[],
  signal: AbortSignal | undefined,
  work: (item: T) => Promise<unknown>,
): Promise<number> {
  let done = 0
  await new Fan(WIDTH).each(items, async (item) => {
    signal?.throwIfAborted()
    try {
      await work(item)
      done++
    } catch (error) {
      if (signal?.aborted) throw error
      state.log.warn('clean-up of one item failed; the next run tries again', { error })
    }
  })
  return done
}
