/**
 * The operations of a mount as they happen, for one who watches over the control socket: filtered, with paths, in
 * batches. What comes faster than it can be told is counted, not kept.
 */
import { readFileSync } from 'node:fs'
import { systemClock } from '#core/base/clock.ts'
import { EINVAL, errnoName, fail } from '#core/base/errno.ts'
import { type Ino, inoText } from '#core/base/ino.ts'
import { type Name, nameToText } from '#core/base/name.ts'
import type { LateRequest, ShownOperation, TraceBatch, TraceFilter } from '#core/base/shown-trace.ts'
import type { OperationTrace, RequestTrace, StartedOperation, TraceListener } from '#core/base/trace.ts'
import type { Meta } from '#core/meta/api.ts'
import type { Volume } from './open-volume.ts'
import type { OperationJob } from './operations.ts'

const EVERY_MS = 200
/** Operations, and late requests, that wait to be told. */
const MOST_WAITING = 2000
/** Paths looked up for one batch: each may list a directory. */
const MOST_PATHS = 50
const PATH_FRESH_MS = 10_000
const MOST_REMEMBERED = 10_000

/** Tell of operations until the asker goes away. */
export async function traceLive(volume: Volume, args: unknown, job: OperationJob): Promise<void> {
  const watch = new Watch(volume.meta, filterOf(args))
  const stop = volume.trace.watch(watch)
  try {
    while (job.signal?.aborted !== true) {
      await systemClock.sleep(EVERY_MS, job.signal).catch(() => {})
      const batch = await watch.take()
      if (batch.operations.length + batch.late.length + batch.dropped > 0) job.onProgress?.(batch)
    }
  } finally {
    stop()
  }
}

function filterOf(args: unknown): TraceFilter {
  const { pid, ops, path, slowerMs } = (args ?? {}) as Record<string, unknown>
  const wrong = (what: string) => fail(EINVAL, 'trace', `${what} is not what it should be`)
  if (pid !== undefined && typeof pid !== 'number') throw wrong('pid')
  if (slowerMs !== undefined && typeof slowerMs !== 'number') throw wrong('slowerMs')
  if (path !== undefined && typeof path !== 'string') throw wrong('path')
  if (ops !== undefined && !(Array.isArray(ops) && ops.every((op) => typeof op === 'string')))
    throw wrong('ops')
  return { pid, slowerMs, path: path?.replace(/\/+$/, ''), ops: ops as string[] | undefined }
}

interface Told extends OperationTrace {
  readonly program: string | null
}

class Watch implements TraceListener {
  readonly #filter: TraceFilter
  readonly #paths: RecentPaths
  /** Names of the programs that wait for operations, by the number of the operation. */
  readonly #programs = new Map<number, string | null>()
  #operations: Told[] = []
  #late: LateRequest[] = []
  #dropped = 0

  constructor(meta: Meta, filter: TraceFilter) {
    this.#filter = filter
    this.#paths = new RecentPaths(meta)
  }

  /** The name is looked up while the program waits: with its answer it may end, or become another one. */
  started(operation: StartedOperation): void {
    if (this.#wants(operation)) this.#programs.set(operation.seq, programOf(operation.pid))
  }

  ended(operation: OperationTrace): void {
    const program = this.#programs.get(operation.seq) ?? null
    this.#programs.delete(operation.seq)
    if (!this.#wants(operation) || operation.ms < (this.#filter.slowerMs ?? 0)) return
    if (this.#operations.length >= MOST_WAITING) {
      this.#dropped++
      return
    }
    this.#operations.push({ ...operation, program })
  }

  /** With a filter by path they are left out: whether one belongs is not known in time. */
  late(request: RequestTrace, cause: StartedOperation | undefined): void {
    const { pid, ops, path, slowerMs = 0 } = this.#filter
    if (path !== undefined || request.ms < slowerMs) return
    if (cause === undefined ? pid !== undefined || ops !== undefined : !this.#wants(cause)) return
    const shown = cause && { seq: cause.seq, op: cause.op, inode: inoText(cause.ino) }
    if (this.#late.length < MOST_WAITING) this.#late.push({ ...request, cause: shown ?? null })
    else this.#dropped++
  }

  async take(): Promise<TraceBatch> {
    const { path } = this.#filter
    const [operations, late, dropped] = [this.#operations, this.#late, this.#dropped]
    this.#operations = []
    this.#late = []
    this.#dropped = 0
    this.#paths.refill()
    const shown = await Promise.all(operations.map((operation) => this.#show(operation)))
    const wanted = (place: string | null | undefined): boolean =>
      typeof place === 'string' && (place === path || place.startsWith(`${path}/`))
    return {
      operations: path === undefined ? shown : shown.filter((each) => wanted(each.path) || wanted(each.to)),
      late,
      dropped,
    }
  }

  #wants({ pid, op }: StartedOperation): boolean {
    const { pid: onlyPid, ops } = this.#filter
    return (onlyPid === undefined || pid === onlyPid) && (ops === undefined || ops.includes(op))
  }

  async #show(operation: Told): Promise<ShownOperation> {
    const { seq, op, pid, uid, program, atMs, ms, errno, ino, offset, size, toIno, requests } = operation
    const [path, to] = await Promise.all([
      this.#paths.of(ino, operation.name),
      toIno === undefined ? undefined : this.#paths.of(toIno, operation.toName),
    ])
    return {
      ...{ seq, op, pid, uid, program, atMs, ms, path, requests },
      error: errno === 0 ? null : errnoName(errno),
      inode: inoText(ino),
      ...(typeof to === 'string' && { to }),
      ...(offset !== undefined && { offset }),
      ...(size !== undefined && { bytes: size }),
    }
  }
}

/** Takes some 30 µs, and no turn in which the program could go on. */
function programOf(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return null
  }
}

/** Paths of inodes, remembered for a while: a directory may have been renamed meanwhile. */
class RecentPaths {
  readonly #meta: Meta
  readonly #known = new Map<Ino, { readonly path: Promise<string | null>; readonly untilMs: number }>()
  #left = 0

  constructor(meta: Meta) {
    this.#meta = meta
  }

  /** Look up to `MOST_PATHS` more. */
  refill(): void {
    this.#left = MOST_PATHS
    if (this.#known.size > MOST_REMEMBERED) this.#known.clear()
  }

  /** The path of an inode, or of `name` in it. */
  async of(ino: Ino, name: Name | undefined): Promise<string | null> {
    const path = await this.#path(ino)
    if (name === undefined || path === null) return path
    return `${path === '/' ? '' : path}/${nameToText(name)}`
  }

  #path(ino: Ino): Promise<string | null> {
    const nowMs = systemClock.monotonicMs()
    const known = this.#known.get(ino)
    if (known !== undefined && known.untilMs > nowMs) return known.path
    if (this.#left === 0) return Promise.resolve(null)
    this.#left--
    const path = this.#meta.paths(ino).then(
      ([first]) => first ?? null,
      () => null,
    )
    this.#known.set(ino, { path, untilMs: nowMs + PATH_FRESH_MS })
    return path
  }
}
