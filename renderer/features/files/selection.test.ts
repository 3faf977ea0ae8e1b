import assert from 'node:assert/strict'
import test from 'node:test'
import { everything, NOTHING, pressed, toggled } from './selection.ts'

const pathAt = (index: number) => 'abcdef'[index]
const press = { toggle: false, extend: false }
const chosen = ({ paths }: { readonly paths: ReadonlySet<string> }) => [...paths].sort().join('')

test('a press chooses one, with Shift all up to it, from wherever the range began', () => {
  const one = pressed(NOTHING, 2, press, pathAt)
  assert.equal(chosen(one), 'c')
  const down = pressed(one, 4, { ...press, extend: true }, pathAt)
  assert.equal(chosen(down), 'cde')
  assert.equal(chosen(pressed(down, 0, { ...press, extend: true }, pathAt)), 'abc')
})

test('with Ctrl one more or one less', () => {
  const two = pressed(pressed(NOTHING, 0, press, pathAt), 3, { ...press, toggle: true }, pathAt)
  assert.equal(chosen(two), 'ad')
  assert.equal(chosen(toggled(two, 0, pathAt)), 'd')
  assert.equal(chosen(pressed(two, 5, { toggle: true, extend: true }, pathAt)), 'adef')
})

test('everything is what is read', () => {
  assert.equal(chosen(everything(9, pathAt)), 'abcdef')
})
