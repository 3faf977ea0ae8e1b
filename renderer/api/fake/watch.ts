/** A subscription over the world: everything first, then what changed, at most once a second. */
import type { World } from './world.ts'

const LEAST_MS = 950

export async function* changesOf<T>(
  world: World,
  signal: AbortSignal,
  read: () => ReadonlyMap<string, T>,
): AsyncGenerator<
  { kind: 'all'; items: readonly T[] } | { kind: 'change'; items: readonly T[]; removed: readonly string[] }
> {
  let known = new Map(read())
  yield { kind: 'all', items: [...known.values()] }
  for await (const _ of ticks(world, signal)) {
    const current = new Map(read())
    const items = [...current].filter(([key, item]) => known.get(key) !== item).map(([, item]) => item)
    const removed = [...known.keys()].filter((key) => !current.has(key))
    known = current
    if (items.length > 0 || removed.length > 0) yield { kind: 'change', items, removed }
  }
}

/** One turn for every change of the world, or several that came together; ends with the signal. */
export async function* ticks(world: World, signal: AbortSignal): AsyncGenerator<void> {
  let changed = false
  let wake: () => void = () => undefined
  const unsubscribe = world.subscribe(() => {
    changed = true
    wake()
  })
  signal.addEventListener('abort', () => wake(), { once: true })
  try {
    while (!signal.aborted) {
      if (!changed) await new Promise<void>((resolve) => (wake = resolve))
      changed = false
      if (!signal.aborted) yield
      await new Promise((resolve) => setTimeout(resolve, LEAST_MS))
    }
  } finally {
    unsubscribe()
  }
}
