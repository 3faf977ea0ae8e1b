import assert from 'node:assert/strict'
import test from 'node:test'
import type { Volume } from '#core/api/volumes.ts'
import { sortVolumes } from './sort-volumes.ts'

const volume = (name: string, state: string, usedBytes: number, bytes = 0) =>
  ({ name, status: { state }, usage: { usedBytes }, pending: { bytes } }) as Volume
const volumes = [volume('b10', 'mounted', 5), volume('b2', 'failed', 9), volume('a', 'mounted', 7, 3)]
const order = (key: string, descending = false) =>
  sortVolumes(volumes, { key, descending }).map(({ name }) => name)

test('volumes are sorted by name as people count, either way', () => {
  assert.deepEqual(order('name'), ['a', 'b2', 'b10'])
  assert.deepEqual(order('name', true), ['b10', 'b2', 'a'])
})

test('by state what needs somebody comes first, and equals stay in the order of names', () => {
  assert.deepEqual(order('state'), ['b2', 'a', 'b10'])
  assert.deepEqual(order('state', true), ['a', 'b10', 'b2'])
})

test('by space and by what is pending the most comes first', () => {
  assert.deepEqual(order('used'), ['b2', 'a', 'b10'])
  assert.deepEqual(order('pending'), ['a', 'b2', 'b10'])
})
