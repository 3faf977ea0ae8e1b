import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VolumeState } from '#core/api/states.ts'
import { type Seen, Turns } from './turns.ts'

const FINE = { roundTripMs: 1, failingSinceMs: 0 }

function seen(
  state: VolumeState,
  more: Partial<Seen> & { readonly sinceMs?: number; readonly bytes?: number } = {},
): Seen {
  const { sinceMs = 0, bytes = 0, ...rest } = more
  const status = { state, line: `${state}.`, action: null, sinceMs, next: 'Do.' }
  const pending = { blocks: bytes > 0 ? 1 : 0, bytes, oldestMs: null }
  return { id: 'v', name: 'team', status, pending, meta: FINE, ...rest }
}

function follow(steps: readonly (readonly [sec: number, Seen])[]) {
  const turns = new Turns()
  return steps.map(([sec, now]) =>
    turns
      .look(now, sec * 1000)
      .map(({ kind }) => kind)
      .join(),
  )
}

test('a volume that does not respond is told once, and that it does again', () => {
  const lost = seen('unresponsive')
  assert.deepEqual(
    follow([
      [0, seen('mounted')],
      [1, lost],
      [2, lost],
      [3, seen('mounted')],
      [4, seen('mounted')],
    ]),
    ['', 'unresponsive', '', 'recovered', ''],
  )
})

test('a metadata server that is away for long, or takes no writes, is told with the line and what helps', () => {
  const away = seen('waiting', { meta: { roundTripMs: null, failingSinceMs: 1000, error: 'x' } })
  assert.deepEqual(
    follow([
      [1, away],
      [5, away],
      [12, away],
      [13, away],
      [14, seen('mounted')],
    ]),
    ['', '', 'metadata-warning', '', 'recovered'],
  )
  const refusal = { kind: 'no-space', sinceMs: 0, message: 'full' } as const
  const [event] = new Turns().look(seen('read-only', { meta: { ...FINE, refusal } }), 0)
  assert.deepEqual(
    [event!.kind, event!.level, event!.sentence, event!.next],
    ['metadata-warning', 'warning', 'read-only.', 'Do.'],
  )
})

test('uploads that wait for long are told, and when the bucket answers; one trouble does not end another', () => {
  const stuck = seen('waiting', { sinceMs: 0, bytes: 5 })
  const away = seen('waiting', { bytes: 5, meta: { roundTripMs: null, failingSinceMs: 61_000 } })
  assert.deepEqual(
    follow([
      [30, stuck],
      [60, stuck],
      [61, stuck],
      [72, away],
      [73, stuck],
      [90, seen('uploading', { bytes: 5 })],
      [95, seen('mounted')],
    ]),
    ['', 'uploads-stuck', '', 'metadata-warning', 'recovered', 'recovered', 'uploads-done'],
  )
  assert.deepEqual(
    follow([
      [0, seen('waiting', { sinceMs: 0 })],
      [90, seen('waiting', { sinceMs: 0 })],
    ]),
    ['', ''],
  )
})

test('a backup that fails is told once, until one succeeds', () => {
  const failed = seen('mounted', { backupError: 'the bucket is full' })
  assert.deepEqual(
    follow([
      [0, seen('mounted')],
      [1, failed],
      [2, failed],
      [3, seen('mounted')],
      [4, failed],
    ]),
    ['', 'metadata-warning', '', '', 'metadata-warning'],
  )
  const [event] = new Turns().look(failed, 0)
  assert.equal(event!.sentence, 'The metadata could not be backed up: the bucket is full')
})

test('the end of uploads is news only after a wait', () => {
  const up = seen('uploading', { bytes: 5 })
  assert.deepEqual(
    follow([
      [0, up],
      [10, seen('mounted')],
      [11, up],
      [50, seen('mounted')],
      [51, seen('mounted')],
    ]),
    ['', '', '', 'uploads-done', ''],
  )
})
