import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleNode } from '#core/meta/engine-suite/tools.suite.ts'
import { RemovedNodes } from '#core/meta/removed.ts'
import { Nodes } from './nodes.ts'

/** Of files of which none is open. */
function closedNodes(): Nodes {
  return new Nodes(() => assert.fail('nobody reads'), new RemovedNodes())
}

test('the last 4096 changed inodes are told apart from others; before that, any may have changed', () => {
  const nodes = closedNodes()
  const first = nodes.sequence
  nodes.stamp(1)
  for (let ino = 2; ino <= 4096; ino++) nodes.stamp(ino)
  for (let times = 0; times < 20_000; times++) nodes.stamp(4096)
  assert.equal(nodes.changedSince(1, first), true)
  assert.equal(nodes.changedSince(1, first + 1), false)
  assert.equal(nodes.changedSince(9_999_999, first), false)

  for (let ino = 5000; ino < 25_000; ino++) nodes.stamp(ino)
  assert.equal(nodes.changedSince(1, first), true)
  assert.equal(nodes.changedSince(9_999_999, first), true)
  const since = nodes.sequence - 4096
  assert.equal(nodes.changedSince(9_999_999, since), false)
  assert.equal(nodes.changedSince(24_999, since), true)
  assert.equal(nodes.changedSince(24_999, nodes.sequence), false)
})

test('the pages of a file opened among the last 10,000 are kept while its content is the same', () => {
  const nodes = closedNodes()
  assert.equal(nodes.keepsCache(1, sampleNode), false)
  for (let ino = 2; ino <= 10_000; ino++) nodes.keepsCache(ino, sampleNode)
  assert.equal(nodes.keepsCache(1, { ...sampleNode, mode: 0o600 }), true)
  assert.equal(nodes.keepsCache(1, { ...sampleNode, length: sampleNode.length + 1 }), false)
  assert.equal(nodes.keepsCache(2, sampleNode), true)
  nodes.dataChangedElsewhere(2)
  assert.equal(nodes.keepsCache(2, sampleNode), false)
  for (let ino = 20_000; ino < 50_000; ino++) nodes.keepsCache(ino, sampleNode)
  assert.equal(nodes.keepsCache(3, sampleNode), false)
})
