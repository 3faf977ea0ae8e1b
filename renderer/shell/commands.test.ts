import assert from 'node:assert/strict'
import test from 'node:test'
import type { Volume } from '#core/api/volumes.ts'
import { type Command, commandsFor, type Doers, search } from './commands.ts'

const volume = (id: string, state: string) =>
  ({ id, name: id, origin: 'profile', mountPoint: `/home/me/${id}`, status: { state } }) as Volume
const media = volume('team-media', 'mounted')
const scans = volume('scans', 'unmounted')

function setUp() {
  const done: string[] = []
  const note = (what: string) => (subject: Volume | string) =>
    void done.push(`${what} ${typeof subject === 'string' ? subject : subject.id}`)
  const doers: Doers = {
    go: note('go'),
    mount: note('mount'),
    unmount: note('unmount'),
    openFolder: note('open'),
    care: ({ id }, kind) => void done.push(`${kind} ${id}`),
    openDialog: (kind, { id }) => void done.push(`${kind} ${id}`),
    openHelp: () => void done.push('help'),
    chooseTheme: note('theme'),
    copy: note('copy'),
    isUp: ({ status }) => status.state === 'mounted',
  }
  const commands = commandsFor(
    { page: 'volume', id: 'team-media', tab: 'files', path: '/' },
    [media, scans],
    {},
    doers,
  )
  const run = (label: string) => commands.find((each) => each.label === label)!.run()
  return { commands, run, done }
}

test('the volume that is shown comes first, and every volume can be mounted or unmounted', () => {
  const { commands, run, done } = setUp()
  assert.equal(commands[0]!.label, 'Unmount team-media')
  run('Unmount team-media')
  run('Mount scans')
  run('scans')
  run('Copy the mount point of team-media')
  assert.deepEqual(done, [
    'unmount team-media',
    'mount scans',
    'go #/v/scans/overview',
    'copy /home/me/team-media',
  ])
})

test('no two commands have one key', () => {
  const { commands } = setUp()
  assert.equal(new Set(commands.map(({ key }) => key)).size, commands.length)
})

test('a search finds every word and prefers beginnings', () => {
  const named = (label: string) => ({ key: label, label }) as Command
  const commands = ['unmount media', 'mount scans', 'remount all', 'scans mount'].map(named)
  assert.deepEqual(
    search(commands, 'mount', 10).map(({ label }) => label),
    ['mount scans', 'scans mount', 'unmount media', 'remount all'],
  )
  assert.deepEqual(
    search(commands, 'SCANS  mo', 10).map(({ label }) => label),
    ['mount scans', 'scans mount'],
  )
  assert.deepEqual(search(commands, 'xyz', 10), [])
  assert.equal(search(commands, '', 2).length, 2)
})

test('the volume that is shown can be cared for, passed on and taken away', () => {
  const { run, done } = setUp()
  run('Check team-media')
  run('Export the profile of team-media…')
  run('Delete the volume team-media…')
  assert.deepEqual(done, ['fsck team-media', 'export team-media', 'destroy team-media'])
})
