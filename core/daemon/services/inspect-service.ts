/** The inspector of a volume: asked of the process that serves it, or of a worker where it is not mounted. */
import type {
  BlockPreview,
  BucketFolder,
  BucketPage,
  CachedView,
  DuplicatesReport,
  FileMap,
  HealthReport,
  IndexStatus,
  ObjectAnswer,
  SpaceFolder,
  SpaceView,
  TraceBatch,
  UnusedKeys,
} from '#core/api/inspect.ts'
import { ApiRefusal } from '#core/api/server-errors.ts'
import type { Caller, InspectService } from '#core/api/services.ts'
import type { Daemon } from '../daemon.ts'

type Input<K extends keyof InspectService> = Exclude<Parameters<InspectService[K]>[0], string>

/** Batches of a trace that wait for a slow listener; older ones go, and are counted. */
const MOST_BATCHES = 20

export class Inspections implements InspectService {
  readonly #daemon: Daemon

  constructor(daemon: Daemon) {
    this.#daemon = daemon
  }

  status(id: string, caller: Caller): Promise<IndexStatus> {
    return this.#ask(id, 'inspectStatus', {}, caller)
  }

  object({ id, key }: Input<'object'>, caller: Caller): Promise<ObjectAnswer> {
    return this.#ask(id, 'inspectObject', { key }, caller)
  }

  file({ id, ...args }: Input<'file'>, caller: Caller): Promise<FileMap> {
    return this.#ask(id, 'inspectFile', args, caller)
  }

  block({ id, ...args }: Input<'block'>, caller: Caller): Promise<BlockPreview> {
    return this.#ask(id, 'inspectBlock', args, caller)
  }

  bucket({ id, ...args }: Input<'bucket'>, caller: Caller): Promise<BucketPage> {
    return this.#ask(id, 'inspectBucket', args, caller)
  }

  folders({ id, ...args }: Input<'folders'>, caller: Caller): Promise<readonly BucketFolder[]> {
    return this.#ask(id, 'inspectFolders', args, caller)
  }

  space(id: string, caller: Caller): Promise<SpaceView | null> {
    return this.#ask(id, 'inspectLastSpace', {}, caller)
  }

  folder({ id, ...args }: Input<'folder'>, caller: Caller): Promise<SpaceFolder | null> {
    return this.#ask(id, 'inspectFolder', args, caller)
  }

  health(id: string, caller: Caller): Promise<HealthReport | null> {
    return this.#ask(id, 'inspectLastHealth', {}, caller)
  }

  unused({ id, ...args }: Input<'unused'>, caller: Caller): Promise<UnusedKeys | null> {
    return this.#ask(id, 'inspectUnused', args, caller)
  }

  cached({ id, ...args }: Input<'cached'>, caller: Caller): Promise<CachedView> {
    return this.#ask(id, 'inspectCached', args, caller)
  }

  duplicates({ id, ...args }: Input<'duplicates'>, caller: Caller): Promise<DuplicatesReport> {
    return this.#ask(id, 'knownDuplicates', args, caller)
  }

  async *trace({ id, ...filter }: Input<'trace'>, { signal }: Caller): AsyncIterable<TraceBatch> {
    const { link } = this.#daemon.supervisor.get(id)
    if (link === undefined)
      throw new ApiRefusal('refused', 'only a mounted volume has operations to show', 'mount it first')
    const batches: TraceBatch[] = []
    let dropped = 0
    let wake = (): void => {}
    let ended = false
    const onProgress = (value: unknown): void => {
      if (batches.push(value as TraceBatch) > MOST_BATCHES) dropped += sizeOf(batches.shift()!)
      wake()
    }
    const work = link.client.call('trace', filter, { signal, onProgress }).finally(() => {
      ended = true
      wake()
    })
    // What it ends with is told below, once everything before it was.
    work.catch(() => {})
    while (!ended || batches.length > 0) {
      const batch = batches.shift()
      if (batch !== undefined) {
        yield { ...batch, dropped: batch.dropped + dropped }
        dropped = 0
      } else if (!ended) await new Promise<void>((resolve) => (wake = resolve))
    }
    if (!signal.aborted) await work
  }

  #ask<T>(id: string, op: string, args: Readonly<Record<string, unknown>>, { signal }: Caller): Promise<T> {
    return this.#daemon.operators.of(id).call(op, args, { signal }) as Promise<T>
  }
}

/** Operations that are gone with a batch nobody took. */
function sizeOf({ operations, dropped }: TraceBatch): number {
  return operations.length + dropped
}
