/** Which rows are chosen: by presses and keys as file managers do it. Immutable. */

export interface Selection {
  readonly paths: ReadonlySet<string>
  /** Where a range begins. */
  readonly anchor: number
}

export const NOTHING: Selection = { paths: new Set(), anchor: -1 }

export interface Held {
  /** Ctrl or ⌘: one more or one less. */
  readonly toggle: boolean
  /** Shift: from the anchor to here. */
  readonly extend: boolean
}

type PathAt = (index: number) => string | undefined

export function pressed(selection: Selection, index: number, held: Held, pathAt: PathAt): Selection {
  if (held.extend && selection.anchor >= 0) {
    const paths = new Set(held.toggle ? selection.paths : [])
    const [from, to] = index < selection.anchor ? [index, selection.anchor] : [selection.anchor, index]
    for (let at = from; at <= to; at++) add(paths, pathAt(at))
    return { paths, anchor: selection.anchor }
  }
  if (held.toggle) return toggled(selection, index, pathAt)
  const paths = new Set<string>()
  add(paths, pathAt(index))
  return { paths, anchor: index }
}

export function toggled(selection: Selection, index: number, pathAt: PathAt): Selection {
  const paths = new Set(selection.paths)
  const path = pathAt(index)
  if (path !== undefined && !paths.delete(path)) paths.add(path)
  return { paths, anchor: index }
}

export function everything(count: number, pathAt: PathAt): Selection {
  const paths = new Set<string>()
  for (let at = 0; at < count; at++) add(paths, pathAt(at))
  return { paths, anchor: 0 }
}

function add(paths: Set<string>, path: string | undefined): void {
  if (path !== undefined) paths.add(path)
}
