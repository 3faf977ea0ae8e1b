/** What a request of a conversation brings, checked where it is used. */
import { EINVAL, fail } from '#core/base/errno.ts'

export type Args = Readonly<Record<string, unknown>>

/** Errors: EINVAL when it is missing or no text. */
export function text(args: Args, name: string): string {
  const value = args[name]
  if (typeof value !== 'string') throw fail(EINVAL, 'request', `${name} is missing`)
  return value
}

export function number(args: Args, name: string, standard: number): number {
  const value = args[name]
  return typeof value === 'number' && value >= 0 ? Math.floor(value) : standard
}

export function paths(args: Args, name = 'paths'): readonly string[] {
  const value = args[name]
  if (!Array.isArray(value)) throw fail(EINVAL, 'request', `${name} are missing`)
  return value.map(String)
}
