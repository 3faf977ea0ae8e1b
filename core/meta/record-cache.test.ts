import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '#core/base/clock.ts'
import { makeNode } from './node.ts'
import { RecordCache } from './record-cache.ts'
import { type NodeRecord, TYPE_DIRECTORY, TYPE_FILE } from './records.ts'

const NOW = new ManualClock().now()
const NOTHING = { nodes: [], touched: [], edges: [], directories: [] } as const

const file = (length: number): NodeRecord => ({
  ...makeNode({ type: TYPE_FILE, mode: 0o644, parent: 1 }, NOW),
  length,
})
const edge = (ino: number) => ({ ino, type: TYPE_FILE }) as const

function heard(): RecordCache {
  const cache = new RecordCache(1000, true)
  cache.listening()
  return cache
}

test('what is read while listening is current, until somebody changes it', () => {
  const cache = heard()
  cache.sawNode(5, file(1), cache.begin())
  assert.deepEqual(cache.node(5), { value: file(1), current: true })
  cache.nodeChanged(5)
  assert.deepEqual(cache.node(5), { value: file(1), current: false })
  cache.sawNode(5, file(2), cache.begin())
  assert.deepEqual(cache.node(5), { value: file(2), current: true })
})

test('an answer that a foreign change has overtaken is a hint, and does not replace a newer one', () => {
  const cache = heard()
  const began = cache.begin()
  cache.nodeChanged(5)
  cache.sawNode(5, file(1), began)
  assert.equal(cache.node(5)?.current, false)
  cache.sawNode(5, file(2), cache.begin())
  cache.sawNode(5, file(1), began)
  assert.deepEqual(cache.node(5), { value: file(2), current: true })
})

test('nothing read before listening, or before it was lost, is current', () => {
  const cache = new RecordCache(1000, true)
  cache.sawNode(5, file(1), cache.begin())
  const early = cache.begin()
  cache.listening()
  assert.equal(cache.node(5)?.current, false)
  cache.sawNode(6, file(1), early)
  assert.equal(cache.node(6)?.current, false)
  cache.sawNode(6, file(1), cache.begin())
  assert.equal(cache.node(6)?.current, true)
  cache.deaf()
  assert.equal(cache.node(6)?.current, false)
  cache.listening()
  assert.equal(cache.node(6)?.current, false)
})

test('a commit that was sent before listening leaves hints: what changed in between was not heard', () => {
  const cache = heard()
  cache.sawNode(1, file(1), cache.begin())
  const began = cache.begin()
  cache.deaf()
  cache.listening()
  cache.sawNode(1, file(1), cache.begin())
  cache.committed(began, {
    nodes: [[5, file(1)]],
    touched: [[1, (node) => ({ ...node, nlink: 9 })]],
    edges: [[1, 'a', edge(5)]],
    directories: [6],
  })
  assert.deepEqual(cache.node(5), { value: file(1), current: false })
  assert.equal(cache.node(1)?.current, false)
  assert.equal(cache.edge(1, 'a')?.current, false)
  assert.equal(cache.edge(6, 'b'), undefined)
})

test('our commit leaves current records, unless a foreign change crossed it', () => {
  const cache = heard()
  const first = cache.begin()
  cache.committed(first, { ...NOTHING, nodes: [[5, file(1)]], edges: [[1, 'a', edge(5)]] })
  assert.deepEqual(cache.edge(1, 'a'), { value: edge(5), current: true })
  const second = cache.begin()
  cache.nodeChanged(5)
  cache.entriesChanged(1)
  cache.committed(second, { ...NOTHING, nodes: [[5, file(2)]], edges: [[1, 'a', null]] })
  assert.deepEqual(cache.node(5), { value: file(2), current: false })
  assert.deepEqual(cache.edge(1, 'a'), { value: null, current: false })
})

test('a read that was sent before our commit was answered does not bring the old record back', () => {
  const cache = heard()
  const began = cache.begin()
  cache.committed(cache.begin(), { ...NOTHING, nodes: [[5, null]], edges: [[1, 'a', null]] })
  cache.sawNode(5, file(1), began)
  cache.sawEdge(1, 'a', edge(5), began)
  assert.deepEqual(cache.node(5), { value: null, current: true })
  assert.deepEqual(cache.edge(1, 'a'), { value: null, current: true })
})

test('where answers come in any order, two commits of ours on one node that overlap leave a hint', () => {
  const cache = new RecordCache(1000, false)
  cache.listening()
  const [first, second] = [cache.begin(), cache.begin()]
  cache.committed(second, { ...NOTHING, nodes: [[5, file(2)]] })
  cache.committed(first, { ...NOTHING, nodes: [[5, file(1)]] })
  assert.equal(cache.node(5)?.current, false)
})

test('a relative change is applied to what is known, and stays as sure as that was', () => {
  const cache = heard()
  cache.sawNode(5, file(1), cache.begin())
  const longer = (node: NodeRecord) => ({ ...node, length: node.length + 1 })
  cache.committed(cache.begin(), { ...NOTHING, touched: [[5, longer]] })
  assert.deepEqual(cache.node(5), { value: file(2), current: true })
  cache.nodeChanged(5)
  cache.committed(cache.begin(), { ...NOTHING, touched: [[5, longer]] })
  assert.deepEqual(cache.node(5), { value: file(3), current: false })
})

test('in a directory that was listed whole, or made here, other names are known to be absent', () => {
  const cache = heard()
  assert.equal(cache.edge(1, 'x'), undefined)
  cache.sawEdge(1, 'gone', edge(9), cache.begin())
  cache.entriesChanged(1)
  const began = cache.begin()
  cache.sawEdge(1, 'a', edge(5), began)
  cache.sawWhole(1, began)
  assert.deepEqual(cache.edge(1, 'x'), { value: null, current: true })
  assert.deepEqual(cache.edge(1, 'gone'), { value: null, current: true })
  cache.committed(cache.begin(), { ...NOTHING, edges: [[1, 'b', edge(6)]] })
  assert.deepEqual(cache.edge(1, 'y'), { value: null, current: true })
  cache.entriesChanged(1)
  assert.equal(cache.edge(1, 'y'), undefined)
  assert.deepEqual(cache.edge(1, 'a'), { value: edge(5), current: false })

  cache.committed(cache.begin(), { ...NOTHING, directories: [7] })
  assert.deepEqual(cache.edge(7, 'x'), { value: null, current: true })
})

test('a directory known whole is listed in the order of its names, page by page, while it changes', () => {
  const cache = heard()
  const list = (after: string | undefined, limit: number) => {
    const page = cache.page(7, { after, limit })
    return page && [page.items.map(({ name, ino }) => `${name}${ino}`).join(' '), page.next]
  }
  const put = (name: string, ino: number | null) =>
    cache.committed(cache.begin(), { ...NOTHING, edges: [[7, name, ino === null ? null : edge(ino)]] })
  assert.equal(list(undefined, 9), undefined)
  cache.committed(cache.begin(), { ...NOTHING, directories: [7] })
  assert.deepEqual(list(undefined, 9), ['', undefined])
  for (const name of ['d', 'a', '\xff', 'c', 'b']) put(name, 10)
  assert.deepEqual(list(undefined, 2), ['a10 b10', 'b'])
  put('c', null)
  put('aa', 12)
  put('b', 13)
  assert.deepEqual(list('b', 2), ['d10 \xff10', undefined])
  assert.deepEqual(list(undefined, 4), ['a10 aa12 b13 d10', 'd'])
  assert.deepEqual(list('c', 1), ['d10', 'd'])

  cache.entriesChanged(7)
  assert.equal(list(undefined, 9), undefined)
  assert.equal(list('b', 9), undefined)
  const began = cache.begin()
  for (const name of ['a', 'ab', 'c']) cache.sawEdge(7, name, edge(14), began)
  cache.sawWhole(7, began)
  assert.deepEqual(list('a', 9), ['ab14 c14', undefined])
  cache.deaf()
  assert.equal(list(undefined, 9), undefined)
})

test('a change during a listing leaves the directory incomplete', () => {
  const cache = heard()
  const began = cache.begin()
  cache.sawEdge(1, 'a', edge(5), began)
  cache.entriesChanged(1)
  cache.sawEdge(1, 'b', edge(6), cache.begin())
  cache.sawWhole(1, began)
  assert.equal(cache.edge(1, 'x'), undefined)
})

test('a directory too large to keep is never taken for complete', () => {
  const cache = new RecordCache(400, true)
  cache.listening()
  cache.committed(cache.begin(), { ...NOTHING, directories: [1] })
  for (let k = 0; k < 150; k++)
    cache.committed(cache.begin(), { ...NOTHING, edges: [[1, `n${k}`, edge(k + 10)]] })
  assert.equal(cache.edge(1, 'n0'), undefined)
  assert.deepEqual(cache.edge(1, 'n149'), { value: edge(159), current: true })
})

test('what was forgotten meanwhile is not brought back by an old answer as current', () => {
  const cache = new RecordCache(20, true)
  cache.listening()
  const began = cache.begin()
  cache.committed(cache.begin(), { ...NOTHING, nodes: [[5, null]] })
  for (let k = 100; k < 200; k++)
    cache.sawNode(k, makeNode({ type: TYPE_DIRECTORY, mode: 0, parent: 1 }, NOW), cache.begin())
  cache.sawNode(5, file(1), began)
  assert.notEqual(cache.node(5)?.current, true)
})
