/** For tests: what goes through an engine, and a hand in between. */
import type { MetaEngine } from './engine.ts'

export interface Watched {
  /** For `openTestVolume`. */
  readonly wrap: (engine: MetaEngine) => MetaEngine
  /** Calls of read, list and commit, as `read` or `commit <op>`. */
  readonly calls: string[]
  /** Runs before the next commit of that operation, once. */
  before(op: string, work: () => Promise<unknown>): void
  /** The next commit of that operation is applied and then fails with `error`. */
  failAfter(op: string, error: Error): void
}

export function watched(): Watched {
  const calls: string[] = []
  const hooks = new Map<string, () => Promise<unknown>>()
  const failures = new Map<string, Error>()
  const wrap = (engine: MetaEngine): MetaEngine =>
    new Proxy(engine, {
      get(target, key: keyof MetaEngine) {
        if (key === 'commit') {
          return async (...args: Parameters<MetaEngine['commit']>) => {
            const [op] = args
            const hook = hooks.get(op)
            hooks.delete(op)
            await hook?.()
            calls.push(`commit ${op}`)
            const result = await target.commit(...args)
            const failure = failures.get(op)
            failures.delete(op)
            if (failure !== undefined) throw failure
            return result
          }
        }
        const value = target[key]
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          if (key === 'read' || key === 'list') calls.push(key)
          return (value as (...args: unknown[]) => unknown).apply(target, args)
        }
      },
    })
  return {
    wrap,
    calls,
    before: (op, work) => void hooks.set(op, work),
    failAfter: (op, error) => void failures.set(op, error),
  }
}
