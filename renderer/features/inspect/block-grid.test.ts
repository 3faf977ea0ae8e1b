import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BlockView, ChunkMap } from '#core/api/inspect.ts'
import { CELL, cellAt, GAP, layOut } from './block-grid.ts'

function chunk(index: number, count: number): ChunkMap {
  const blocks: BlockView[] = Array.from({ length: count }, (_, k) => ({
    ...{ key: `${index}.${k}`, slice: index, index: k, size: 100, place: 'disk' as const },
    shown: k === 0 ? [{ start: 10, end: 60 }] : [],
  }))
  return { index, records: [], view: [], blocks }
}

test('blocks stand in file order and rows, none over another, and each is found where it is drawn', () => {
  const width = 10 * (CELL + GAP)
  const grid = layOut({ chunks: [chunk(0, 4), chunk(1, 7), chunk(2, 23)] }, width)
  assert.deepEqual(
    grid.cells.map(({ block }) => block.key),
    [4, 7, 23].flatMap((count, at) => Array.from({ length: count }, (_, k) => `${at}.${k}`)),
  )
  for (const cell of grid.cells) {
    assert.ok(cell.x >= 0 && cell.x + CELL <= width && cell.y + CELL <= grid.height)
    assert.equal(cellAt(grid, cell.x + 1, cell.y + CELL - 1), cell)
  }
  assert.deepEqual([grid.cells[0]!.shown, grid.cells[1]!.shown], [0.5, 0])
  assert.equal(cellAt(grid, CELL + 1, 1), undefined, 'between two')
  assert.ok(grid.cells[4]!.y > 0, 'a chunk that does not fit begins a row')
})

test('a file without blocks has no grid', () => {
  assert.deepEqual(layOut({ chunks: [] }, 100), { cells: [], height: 0 })
})
