import assert from 'node:assert/strict'
import test from 'node:test'
import { ancestors, join, parentOf, problemOfName, stemLength } from './names.ts'

test('paths go down and up', () => {
  assert.equal(join('/', 'a'), '/a')
  assert.equal(join('/a', 'b'), '/a/b')
  assert.equal(parentOf('/a/b'), '/a')
  assert.equal(parentOf('/a'), '/')
  assert.equal(parentOf('/'), '/')
  assert.deepEqual(ancestors('/a/b'), [
    { name: 'a', path: '/a' },
    { name: 'b', path: '/a/b' },
  ])
  assert.deepEqual(ancestors('/'), [])
})

test('names that a file cannot have are told so before anything is asked', () => {
  for (const bad of ['', '.', '..', 'a/b', 'a\0', 'x'.repeat(256), 'ü'.repeat(128)])
    assert.ok(problemOfName(bad), bad)
  for (const good of ['a', '...', ' ', 'x'.repeat(255), 'ü'.repeat(127)])
    assert.equal(problemOfName(good), undefined)
})

test('changing a name leaves its ending', () => {
  assert.equal(stemLength('notes.md'), 5)
  assert.equal(stemLength('.profile'), 8)
  assert.equal(stemLength('folder'), 6)
})
