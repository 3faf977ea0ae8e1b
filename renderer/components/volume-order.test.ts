import assert from 'node:assert/strict'
import test from 'node:test'
import type { Volume } from '#core/api/volumes.ts'
import { sortedVolumes } from './volume-order.ts'

const volumes = ['scans 10', 'Archive', 'scans 2', 'media'].map((name) => ({ name })) as Volume[]
const names = (filter: string) => sortedVolumes(volumes, filter).map(({ name }) => name)

test('volumes are in the order people expect of names with numbers', () => {
  assert.deepEqual(names(''), ['Archive', 'media', 'scans 2', 'scans 10'])
})

test('a filter finds every word, in any order and case', () => {
  assert.deepEqual(names('10 SCA'), ['scans 10'])
  assert.deepEqual(names('nothing'), [])
})

test('the order follows when a name changes, and what else changes is seen', () => {
  assert.deepEqual(names(''), ['Archive', 'media', 'scans 2', 'scans 10'])
  const changed = volumes.map((volume) => ({
    ...volume,
    name: volume.name === 'Archive' ? 'zoo' : volume.name,
    id: 'new',
  }))
  const sorted = sortedVolumes(changed, '')
  assert.deepEqual(
    sorted.map(({ name }) => name),
    ['media', 'scans 2', 'scans 10', 'zoo'],
  )
  assert.ok(sorted.every(({ id }) => id === 'new'))
})
