/** The upper end of a chart's scale: a round number above every value, so that it seldom changes. */
import type { Chart } from './chart-list.ts'

type Limits = Pick<Chart, 'least' | 'most' | 'binary'>

export function topOf(
  columns: readonly (readonly (number | null)[])[],
  { least, most, binary }: Limits,
): number {
  if (most !== undefined) return most
  let top = least
  for (const column of columns) for (const value of column) if (value !== null && value > top) top = value
  return binary ? binaryAbove(top) : niceAbove(top)
}

function binaryAbove(value: number): number {
  const power = 2 ** Math.floor(Math.log2(value))
  for (const step of [1, 1.5]) if (value <= step * power) return step * power
  return 2 * power
}

function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  for (const step of [1, 2, 4, 5, 10]) if (value <= step * power * (1 + 1e-9)) return step * power
  return 10 * power
}
