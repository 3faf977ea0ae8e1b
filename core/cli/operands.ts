/** Operands that name places: `META-URL:/path`, or a path in a mounted volume. */
import { Refusal } from '#core/base/refusal.ts'
import { type Location, parseLocation } from '#core/volume/meta-url.ts'
import { UsageError } from './options.ts'

/** A place in a volume by its metadata address; throws for anything else. */
export function volumeLocation(text: string): Location {
  const location = parseLocation(text)
  if (location === undefined) {
    throw new UsageError(
      `${JSON.stringify(text)} is no place in a volume: write META-URL:/path, such as sqlite3:///team.db:/docs`,
    )
  }
  return location
}

/**
 * The operands of `ls META-URL PATH…` in both spellings: a metadata address may be followed by absolute paths in
 * it, instead of being repeated.
 */
export function volumeLocations(operands: readonly string[]): readonly Location[] {
  const locations: Location[] = []
  let pending: Location | undefined
  for (const text of operands) {
    const location = parseLocation(text)
    if (location !== undefined) {
      if (pending !== undefined) locations.push(pending)
      pending = location
      continue
    }
    const metaUrl: string | undefined = pending?.metaUrl ?? locations.at(-1)?.metaUrl
    if (metaUrl === undefined || !text.startsWith('/')) return [volumeLocation(text)]
    locations.push(parseLocation(`${metaUrl}:${text}`)!)
    pending = undefined
  }
  if (pending !== undefined) locations.push(pending)
  return locations
}

/** The place for a message. */
export function locationText({ path }: Location): string {
  return path
}

export function refuseRoot({ path }: Location, what: string): void {
  if (path === '/') throw new Refusal(`the root of a volume cannot be ${what}`)
}
