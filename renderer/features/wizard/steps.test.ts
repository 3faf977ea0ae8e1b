import assert from 'node:assert/strict'
import test from 'node:test'
import { FIRST_DRAFT } from './draft.ts'
import { type Answers, furthest, isAnswered, STEPS } from './steps.ts'

const good = {
  metadata: { ok: true, volume: null },
  bucket: { ok: true, isFree: true },
  mountPoint: { ok: true },
} as Answers
const named = { ...FIRST_DRAFT, name: 'photos' }

test('with good answers the summary is open', () => {
  assert.equal(furthest(named, good), STEPS.indexOf('summary'))
  assert.ok(isAnswered('summary', named, good))
})

test('a step stays shut until the one before is answered', () => {
  const at = (step: (typeof STEPS)[number], answers: Answers) =>
    assert.equal(furthest(named, answers), STEPS.indexOf(step))
  assert.equal(furthest(FIRST_DRAFT, good), 0)
  at('metadata', { ...good, metadata: undefined })
  at('metadata', { ...good, metadata: { ...good.metadata!, ok: false } })
  at('data', { ...good, bucket: { ...good.bucket!, isFree: false } })
  at('mount', { ...good, mountPoint: undefined })
})

test('an address that holds a volume already is not formatted', () => {
  const taken = { ...good, metadata: { ...good.metadata!, volume: { volumeName: 'x' } } } as Answers
  assert.ok(!isAnswered('metadata', named, taken))
})

test('a key that was not proven shuts what follows', () => {
  assert.equal(furthest({ ...named, encrypt: true }, good), STEPS.indexOf('encryption'))
  assert.equal(furthest({ ...named, encrypt: true, keyProven: true }, good), STEPS.indexOf('summary'))
})
