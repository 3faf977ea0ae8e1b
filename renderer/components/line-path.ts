/**
 * An SVG path over `values`, the newest at the right edge, `top` at the upper one. One unit of y is left free at both
 * ends for the line's own width.
 */
export function linePath(
  values: readonly number[],
  top: number,
  width: number,
  height: number,
  points = 60,
): string {
  if (values.length < 2 || top <= 0) return ''
  const step = width / (points - 1)
  const from = width - (values.length - 1) * step
  return values
    .map((value, at) => {
      const x = (from + at * step).toFixed(1)
      const y = (height - 1 - (Math.min(value, top) / top) * (height - 2)).toFixed(1)
      return `${at === 0 ? 'M' : 'L'}${x} ${y}`
    })
    .join('')
}
