/** Sets of bytes as spans. */

/** Bytes [start, end). */
export interface Span {
  readonly start: number
  readonly end: number
}

/** Disjoint and in order: overlapping and touching ones joined, empty ones left out. */
export function joinSpans(spans: readonly Span[]): readonly Span[] {
  const joined: { start: number; end: number }[] = []
  for (const { start, end } of spans.toSorted((a, b) => a.start - b.start)) {
    if (start >= end) continue
    const last = joined.at(-1)
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end)
    else joined.push({ start, end })
  }
  return joined
}

/** The part of each span in [from, to). */
export function clipSpans(spans: readonly Span[], from: number, to: number): readonly Span[] {
  const inside: Span[] = []
  for (const span of spans) {
    const start = Math.max(span.start, from)
    const end = Math.min(span.end, to)
    if (start < end) inside.push({ start, end })
  }
  return inside
}

/** Bytes of disjoint spans. */
export function sizeOfSpans(spans: readonly Span[]): number {
  let size = 0
  for (const { start, end } of spans) size += end - start
  return size
}
