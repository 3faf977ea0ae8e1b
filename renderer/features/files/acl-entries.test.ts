import assert from 'node:assert/strict'
import test from 'node:test'
import { entriesOfMode, withNamed, without, withRight } from './acl-entries.ts'

const text = (entries: ReturnType<typeof entriesOfMode>) =>
  entries.map(({ tag, id, perms }) => `${tag}:${id ?? ''}:${perms}`).join(' ')

test('a list begins as the mode is', () => {
  assert.equal(text(entriesOfMode(0o2754)), 'user::rwx group::r-x other::r--')
})

test('names stand in the order of acl(5), each once', () => {
  let entries = withNamed(entriesOfMode(0o640), 'group', 50)
  entries = withNamed(entries, 'user', 1004)
  entries = withNamed(entries, 'user', 1004)
  assert.equal(text(entries), 'user::rw- user:1004:r-- group::r-- group:50:r-- other::---')
})

test('a right is switched in its place', () => {
  const entries = withRight(withRight(entriesOfMode(0o640), 1, 'x', true), 1, 'r', false)
  assert.equal(text(entries), 'user::rw- group::--x other::---')
})

test('the mask goes with the last name', () => {
  const named = withNamed([...entriesOfMode(0o640), { tag: 'mask', id: null, perms: 'rw-' }], 'user', 7)
  assert.equal(text(named), 'user::rw- user:7:r-- group::r-- mask::rw- other::---')
  assert.equal(text(without(named, 1)), 'user::rw- group::r-- other::---')
})
