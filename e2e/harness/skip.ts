import type { TestContext } from 'node:test'

/** What there is; or undefined, and the test is skipped under the reason why there is nothing. */
export function orSkip<T extends object>(found: T | string, t: TestContext): T | undefined {
  if (typeof found !== 'string') return found
  t.skip(found)
  return undefined
}
