/** Lists of an engine as one stream, a page at a time. */
import { pass } from '#core/base/gate.ts'
import type { ListTypes, MetaEngine, RecordRange } from '#core/meta/engine.ts'
import { pagesOf } from '#core/meta/ops/walk.ts'

const PAGE = 4096

/** Every item of `range`, in the engine's order; between pages it waits at the signal's gate, or throws its reason. */
export async function* pages<R extends RecordRange>(
  engine: MetaEngine,
  range: R,
  signal?: AbortSignal,
  limit = PAGE,
): AsyncGenerator<ListTypes[R['kind']]> {
  await pass(signal)
  for await (const items of pagesOf({ engine }, range, limit)) {
    yield* items
    await pass(signal)
  }
}

/** Run `work` for every item, at most `limit` at a time; the first failure ends it. */
export async function forEachParallel<T>(
  items: AsyncIterable<T> | Iterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | undefined
  for await (const item of items) {
    if (failure !== undefined) break
    const task = work(item)
      .catch((error: unknown) => {
        failure ??= { error }
      })
      .finally(() => running.delete(task))
    running.add(task)
    if (running.size >= limit) await Promise.race(running)
  }
  await Promise.all(running)
  if (failure !== undefined) throw failure.error
}
