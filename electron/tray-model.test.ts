import assert from 'node:assert/strict'
import test from 'node:test'
import { VOLUME_ACTIONS, VOLUME_STATES } from '#core/api/states.ts'
import { testVolume, uploading } from './test-volume.ts'
import { type MenuEntry, trayModel, volumeEntries } from './tray-model.ts'

function labels(entries: readonly MenuEntry[]): string[] {
  return entries.flatMap((entry) => {
    if (entry.kind === 'separator') return []
    return entry.kind === 'menu' ? [entry.label, ...labels(entry.entries)] : [entry.label]
  })
}

const status = (state: (typeof VOLUME_STATES)[number], action: (typeof VOLUME_ACTIONS)[number] | null) =>
  ({ state, line: `line of ${state}`, action, sinceMs: 0 }) as const

test('a mounted volume offers its folder and unmounting', () => {
  const entries = volumeEntries([testVolume('media')])
  assert.deepEqual(labels(entries), [
    '● media – Mounted',
    'All changes are uploaded.',
    'Open folder',
    'Unmount',
    'Show in Pomelo',
  ])
})

test('an unmounted volume offers mounting and no folder', () => {
  const volume = testVolume('old', { status: status('unmounted', 'mount'), pid: null })
  assert.deepEqual(labels(volumeEntries([volume])), [
    '○ old – Unmounted',
    'line of unmounted',
    'Mount',
    'Show in Pomelo',
  ])
})

test('the tray is as bad as its worst volume, and says what is still to upload', () => {
  const failed = testVolume('x', { status: status('failed', 'edit-keys') })
  assert.equal(trayModel([testVolume('a')]).tone, 'good')
  assert.equal(trayModel([testVolume('a'), uploading('b', 2048)]).tone, 'waiting')
  assert.equal(trayModel([testVolume('a'), uploading('b', 2048), failed]).tone, 'bad')
  assert.equal(trayModel([uploading('b', 2048)]).tooltip, 'Pomelo: 2.0 KiB still to upload')
})

test('safe to shut down is said only when it is so and known', () => {
  assert.match(trayModel([testVolume('a')]).tooltip, /safe to shut down, 1 mounted/)
  assert.doesNotMatch(trayModel([uploading('b', 1)]).tooltip, /safe/)
  assert.doesNotMatch(trayModel(undefined).tooltip, /safe/)
  assert.equal(trayModel(undefined).tone, 'bad')
})

test('quitting says that volumes stay mounted, where one is', () => {
  const last = (volumes: Parameters<typeof trayModel>[0]) => labels(trayModel(volumes).entries).at(-1)
  assert.equal(last([testVolume('a')]), 'Quit Pomelo (volumes stay mounted)')
  assert.equal(last([testVolume('a', { pid: null })]), 'Quit Pomelo')
})

test('no more than twenty volumes are listed', () => {
  const many = Array.from({ length: 1000 }, (_, at) => testVolume(`v${at}`))
  const entries = volumeEntries(many)
  assert.equal(entries.length, 21)
  assert.equal(labels(entries).at(-1), '980 more…')
})

test('every state and every action has an entry', () => {
  for (const state of VOLUME_STATES)
    for (const action of [...VOLUME_ACTIONS, null]) {
      const [entry] = volumeEntries([testVolume('v', { status: status(state, action) })])
      assert.ok(
        labels([entry!]).every((label) => label.length > 0),
        `${state} ${action}`,
      )
    }
})

test('an id cannot leave its place in the address', () => {
  const [entry] = volumeEntries([testVolume('a/../b#c')])
  const show = entry!.kind === 'menu' ? entry!.entries.at(-1) : undefined
  assert.deepEqual(show, {
    kind: 'item',
    label: 'Show in Pomelo',
    intent: { do: 'show', route: '#/v/a%2F..%2Fb%23c/overview' },
  })
})
