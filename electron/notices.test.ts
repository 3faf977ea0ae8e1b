import assert from 'node:assert/strict'
import test from 'node:test'
import type { LogEvent } from '#core/api/events.ts'
import { Notices } from './notices.ts'

function event(changes: Partial<LogEvent> = {}): LogEvent {
  return {
    eventId: 1,
    atMs: 0,
    level: 'error',
    kind: 'crashed',
    volumeId: 'v1',
    volumeName: 'media',
    sentence: 'The volume process ended with signal SIGKILL.',
    next: 'It is started again in 5 s.',
    ...changes,
  }
}

test('a crash is told with volume, sentence and next step', () => {
  assert.deepEqual(new Notices().of(event(), {}, false), {
    title: 'media: Volume process ended unexpectedly',
    body: 'The volume process ended with signal SIGKILL.\nIt is started again in 5 s.',
    isUrgent: true,
    route: '#/v/v1/overview',
  })
})

test('each kind has a switch; without one the kinds that need somebody are told', () => {
  const notices = new Notices()
  assert.equal(notices.of(event({ kind: 'mounted' }), {}, false), undefined)
  assert.ok(notices.of(event({ kind: 'mounted' }), { mounted: true }, false))
  assert.equal(notices.of(event(), { crashed: false }, false), undefined)
})

test('nothing is told to somebody who looks at the window', () => {
  assert.equal(new Notices().of(event(), {}, true), undefined)
})

test('the same is told once a minute, of each volume', () => {
  const notices = new Notices()
  assert.ok(notices.of(event(), {}, false))
  assert.equal(notices.of(event({ atMs: 59_000 }), {}, false), undefined)
  assert.ok(notices.of(event({ atMs: 59_000, volumeId: 'v2' }), {}, false))
  assert.ok(notices.of(event({ atMs: 61_000 }), {}, false))
})

test('what belongs to no volume leads to the activity page', () => {
  const notice = new Notices().of(event({ kind: 'disk-low', volumeId: null, volumeName: null }), {}, false)
  assert.equal(notice?.title, 'Cache disk is nearly full')
  assert.equal(notice?.route, '#/activity')
})
