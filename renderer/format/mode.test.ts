import assert from 'node:assert/strict'
import test from 'node:test'
import { bitOf, letters, octal, parseOctal, withBit } from './mode.ts'

test('modes are written as ls does', () => {
  assert.equal(letters(0o644), 'rw-r--r--')
  assert.equal(letters(0o4755), 'rwsr-xr-x')
  assert.equal(letters(0o4644), 'rwSr--r--')
  assert.equal(letters(0o2775), 'rwxrwsr-x')
  assert.equal(letters(0o1777), 'rwxrwxrwt')
  assert.equal(letters(0o1776), 'rwxrwxrwT')
})

test('octal digits go there and back', () => {
  for (const mode of [0, 0o644, 0o755, 0o4755, 0o7777]) assert.equal(parseOctal(octal(mode)), mode)
  for (const bad of ['', '9', '64', '888', '77777', 'rwx']) assert.equal(parseOctal(bad), undefined)
})

test('one switch changes one bit', () => {
  assert.equal(withBit(0o644, bitOf('owner', 'execute'), true), 0o744)
  assert.equal(withBit(0o644, bitOf('others', 'read'), false), 0o640)
})
