/** Parts of a whole as a chart draws them: each on top of those before it. */
type Column = readonly (number | null)[]

/** The first `parts` columns summed up from the bottom; the others as they are. Nothing measured stays a gap. */
export function stacked(columns: readonly Column[], parts: number): Column[] {
  const drawn: Column[] = []
  for (const [at, column] of columns.entries()) {
    const below = at > 0 && at < parts ? drawn[at - 1] : undefined
    drawn.push(
      below === undefined
        ? column
        : column.map((value, point) => {
            const base = below[point] ?? null
            return value === null ? base : value + (base ?? 0)
          }),
    )
  }
  return drawn
}
