/** Blocks as cells of a grid: where each is drawn, and which one is under the pointer. */
import type { BlockView, FileMap } from '#core/api/inspect.ts'

export const CELL = 14
export const GAP = 2
/** Between chunks. */
const CHUNK_GAP = 10

export interface Cell {
  readonly x: number
  readonly y: number
  readonly chunk: number
  readonly block: BlockView
  /** Part of the block that the file shows, 0 to 1. */
  readonly shown: number
}

export interface BlockGrid {
  readonly cells: readonly Cell[]
  readonly height: number
}

/** Cells in file order, chunk by chunk, in rows of `width` px; a chunk that does not fit into the row begins a new one. */
export function layOut({ chunks }: Pick<FileMap, 'chunks'>, width: number): BlockGrid {
  const step = CELL + GAP
  const cells: Cell[] = []
  let [x, y] = [0, 0]
  for (const { index, blocks } of chunks) {
    const whole = blocks.length * step
    if (x > 0 && x + Math.min(whole, width) > width) {
      x = 0
      y += step + GAP
    }
    for (const block of blocks) {
      if (x > 0 && x + CELL > width) {
        x = 0
        y += step
      }
      cells.push({ x, y, chunk: index, block, shown: shownPart(block) })
      x += step
    }
    x += CHUNK_GAP
  }
  return { cells, height: cells.length === 0 ? 0 : y + CELL }
}

export function cellAt({ cells }: BlockGrid, x: number, y: number): Cell | undefined {
  return cells.find((cell) => x >= cell.x && x < cell.x + CELL && y >= cell.y && y < cell.y + CELL)
}

function shownPart({ shown, size }: BlockView): number {
  return size === 0 ? 0 : shown.reduce((sum, { start, end }) => sum + end - start, 0) / size
}
