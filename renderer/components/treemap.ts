/**
 * Rectangles whose areas are shares, as square as can be. Source: Bruls, Huizing, van Wijk, "Squarified Treemaps"
 * (2000): rows are laid along the shorter side and closed when one more would make them longer.
 */
export interface Rect {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** One rectangle for each value, in order; values of 0 have no area. `values` must fall. */
export function squarify(values: readonly number[], width: number, height: number): readonly Rect[] {
  const sum = values.reduce((all, value) => all + value, 0)
  if (sum <= 0 || width <= 0 || height <= 0) return values.map(() => ({ x: 0, y: 0, width: 0, height: 0 }))
  const areas = values.map((value) => (value / sum) * width * height)
  const rects: Rect[] = []
  let free: Rect = { x: 0, y: 0, width, height }
  let from = 0
  while (from < areas.length) {
    const side = Math.min(free.width, free.height)
    let to = from + 1
    while (to < areas.length && worst(areas, from, to + 1, side) <= worst(areas, from, to, side)) to++
    free = layRow(areas, from, to, free, rects)
    from = to
  }
  return rects
}

/** The greatest ratio of sides in a row. */
function worst(areas: readonly number[], from: number, to: number, side: number): number {
  let sum = 0
  for (let at = from; at < to; at++) sum += areas[at]!
  const depth = sum / side
  if (depth === 0) return Number.POSITIVE_INFINITY
  let ratio = 1
  for (let at = from; at < to; at++) {
    const length = areas[at]! / depth
    ratio = Math.max(ratio, length > 0 ? Math.max(depth / length, length / depth) : Number.POSITIVE_INFINITY)
  }
  return ratio
}

/** Lays a row along the shorter side; returns what is left. */
function layRow(areas: readonly number[], from: number, to: number, free: Rect, out: Rect[]): Rect {
  let sum = 0
  for (let at = from; at < to; at++) sum += areas[at]!
  const isWide = free.width >= free.height
  const depth = sum / (isWide ? free.height : free.width)
  let offset = 0
  for (let at = from; at < to; at++) {
    const length = depth > 0 ? areas[at]! / depth : 0
    out.push(
      isWide
        ? { x: free.x, y: free.y + offset, width: depth, height: length }
        : { x: free.x + offset, y: free.y, width: length, height: depth },
    )
    offset += length
  }
  return isWide
    ? { ...free, x: free.x + depth, width: Math.max(0, free.width - depth) }
    : { ...free, y: free.y + depth, height: Math.max(0, free.height - depth) }
}
