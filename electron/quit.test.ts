import assert from 'node:assert/strict'
import test from 'node:test'
import { quitAnswer, quitQuestion } from './quit.ts'
import { testVolume, uploading } from './test-volume.ts'
import { bytesText } from './units.ts'

test('quitting asks nothing when everything is uploaded, or nobody knows', () => {
  assert.equal(quitQuestion([testVolume('a'), testVolume('b')]), undefined)
  assert.equal(quitQuestion([]), undefined)
  assert.equal(quitQuestion(undefined), undefined)
})

test('pending uploads are named with figures, and what quitting does not do', () => {
  const question = quitQuestion([testVolume('a'), uploading('scans', 43_000_000), uploading('x', 1)])
  assert.equal(question?.message, '41 MiB of scans, x still to upload')
  assert.match(question!.detail, /stay mounted/)
  assert.equal(question?.buttons.length, 3)
})

test('many volumes are counted, not listed', () => {
  const many = ['a', 'b', 'c', 'd'].map((id) => uploading(id, 1024))
  assert.equal(quitQuestion(many)?.message, '4.0 KiB of 4 volumes still to upload')
})

test('closing the question cancels', () => {
  assert.deepEqual([0, 1, 2, -1].map(quitAnswer), ['wait', 'now', 'cancel', 'cancel'])
})

test('bytes read as people write them', () => {
  assert.deepEqual([0, 1023, 1024, 10_240, 43_000_000, 2 ** 41].map(bytesText), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '10 KiB',
    '41 MiB',
    '2.0 TiB',
  ])
})
