/** The colour of each place that a block can be in. */
import type { FileMap } from '#core/api/inspect.ts'

export type Place = keyof FileMap['places']

export const PLACES = ['memory', 'disk', 'staging', 'store', 'missing'] as const satisfies readonly Place[]

const TOKENS: Readonly<Record<Place, string>> = {
  memory: '--tier-memory',
  disk: '--tier-disk',
  staging: '--waiting-fill',
  store: '--tier-bucket',
  missing: '--bad-fill',
}

export function placeColor(place: Place): string {
  return `var(${TOKENS[place]})`
}

/** As a canvas takes it: the value of now, in this theme. */
export function placePaint(place: Place, style: CSSStyleDeclaration): string {
  return style.getPropertyValue(TOKENS[place]).trim()
}
