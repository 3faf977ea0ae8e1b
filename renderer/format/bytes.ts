/** Sizes and rates for people: 1024-based, one decimal below 10, a space that does not break before the unit. */

import { count } from './number.ts'

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const
const SPACE = '\u00a0'

/** `0 B`, `9.5 KiB`, `212 MiB`; negative sizes keep their sign. */
export function bytes(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const { scaled, unit } = scale(Math.abs(value))
  return `${value < 0 ? '−' : ''}${scaled}${SPACE}${unit}`
}

/** `12 MiB/s`. */
export function rate(bytesPerSec: number): string {
  return `${bytes(bytesPerSec)}/s`
}

/** `1,234,567 bytes`, for hovers. */
export function exactBytes(value: number): string {
  return `${count(value)}${SPACE}bytes`
}

/** Bytes of what people type: `512M`, `1.5 GiB`, `20 gb`; a bare number counts GiB. Undefined when it is no size. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:[.,]\d+)?)\s*(?:([kmgtp])?i?b?)?$/i.exec(text.trim())
  if (match === null) return undefined
  const letter = match[2]?.toLowerCase()
  const isBytes = letter === undefined && /b$/i.test(text.trim())
  const power = isBytes ? 0 : letter === undefined ? 3 : 'kmgtp'.indexOf(letter) + 1
  const value = Math.floor(Number(match[1]!.replace(',', '.')) * 1024 ** power)
  return Number.isSafeInteger(value) ? value : undefined
}

function scale(value: number): { scaled: string; unit: string } {
  let rest = value
  let at = 0
  // 1023.5 would be drawn as 1024: it is one of the next unit.
  while (rest >= 1023.5 && at < UNITS.length - 1) {
    rest /= 1024
    at++
  }
  const whole = at === 0 || rest >= 9.95
  return { scaled: whole ? String(Math.round(rest)) : rest.toFixed(1), unit: UNITS[at]! }
}
