import assert from 'node:assert/strict'
import { test } from 'node:test'
import { COMMANDS } from './commands.ts'
import { commandHelp } from './help.ts'
import { fromHelper, translateOptions } from './mount-helper.ts'
import { nearest } from './nearest.ts'
import { volumeLocations } from './operands.ts'
import { parseOptions, UsageError } from './options.ts'
import { runMain } from './test-run.ts'

const SPECS = {
  force: { kind: 'flag', short: 'f', help: '' },
  size: { kind: 'size', unit: 'M', default: '1G', help: '' },
  name: { kind: 'text', value: 'X', env: 'NAME', help: '' },
  how: { kind: 'text', value: 'X', choices: ['a', 'b'], help: '' },
  options: { kind: 'list', short: 'o', value: 'X', help: '' },
  n: { kind: 'number', min: 1, max: 9, alias: ['count'], help: '' },
} as const

test('options take both spellings, any order, units, defaults and the environment', () => {
  const { values, operands, given } = parseOptions(
    SPECS,
    ['a', '--size=2', '-f', 'b', '--count', '3', '-o', 'x,y', '-oz'],
    { NAME: 'env' },
  )
  assert.deepEqual(values, { size: 2 * 2 ** 20, force: true, n: 3, options: ['x', 'y', 'z'], name: 'env' })
  assert.deepEqual(operands, ['a', 'b'])
  assert.deepEqual([...given].sort(), ['force', 'n', 'name', 'options', 'size'])
  assert.equal(parseOptions(SPECS, [], {}).values.size, 2 ** 30)
  assert.equal(parseOptions(SPECS, ['--force=false'], {}).values.force, false)
  assert.deepEqual(parseOptions(SPECS, ['--', '--force'], {}).operands, ['--force'])
})

test('what is wrong with an option is said, with the option meant', () => {
  const wrong = (args: string[], text: RegExp) =>
    assert.throws(
      () => parseOptions(SPECS, args, {}),
      (error) => error instanceof UsageError && text.test(error.message),
    )
  wrong(['--forse'], /did you mean --force/)
  wrong(['--zzzzzz'], /unknown option --zzzzzz$/)
  wrong(['--size', 'big'], /--size: not a size/)
  wrong(['--size'], /needs a value/)
  wrong(['--how', 'c'], /one of a, b/)
  wrong(['-z', '10'], /unknown option -z/)
  wrong(['--n', '10'], /from 1 to 9/)
  wrong(['--force=maybe'], /on or off/)
})

test('the nearest word is a likely one or none', () => {
  const words = ['format', 'mount', 'umount', 'status']
  assert.equal(nearest('fromat', words), 'format')
  assert.equal(nearest('mout', words), 'mount')
  assert.equal(nearest('stat', words), 'status')
  assert.equal(nearest('explode', words), undefined)
})

test('options of mount(8) become ours, others stay for the kernel', () => {
  assert.deepEqual(
    fromHelper([
      'redis://h/1',
      '/mnt',
      '-o',
      'rw,_netdev,nofail,x-systemd.automount,cache-size=1G,writeback,allow_other,ro,attrcacheto=5',
    ]),
    [
      '-d',
      '--cache-size=1G',
      '--writeback',
      '--read-only',
      '--attr-cache=5',
      '-o',
      'allow_other',
      'redis://h/1',
      '/mnt',
    ],
  )
  assert.deepEqual(translateOptions(['noauto', 'user', 'defaults']), [])
})

test('a metadata address may be followed by paths in it', () => {
  assert.deepEqual(
    volumeLocations(['sqlite3:///x.db', '/a', '/b', 'sqlite3:///y.db:/c', '/d']),
    [
      { metaUrl: 'sqlite3:///x.db', path: '/a' },
      { metaUrl: 'sqlite3:///x.db', path: '/b' },
      { metaUrl: 'sqlite3:///y.db', path: '/c' },
      { metaUrl: 'sqlite3:///y.db', path: '/d' },
    ]
      .slice(0, 2)
      .concat([{ metaUrl: 'sqlite3:///y.db', path: '/d' }]),
  )
  assert.throws(() => volumeLocations(['/local']), UsageError)
})

test('every command loads, has the name it is listed by, and explains itself with an example', async () => {
  for (const listed of COMMANDS) {
    const command = await listed.load()
    assert.equal(command.name, listed.name)
    const help = commandHelp(command)
    assert.match(help, /^usage: pomelo /)
    assert.match(help, /examples:/)
  }
})

test('help, unknown commands and missing operands end with the exit codes of their kind', async () => {
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [[], 0, /usage: pomelo COMMAND/],
    [['mount', '--help'], 0, /--cache-size SIZE/],
    [['help', 'quota', 'set'], 0, /--capacity/],
    [['--version'], 0, /volume format/],
    [['fromat'], 2, /did you mean `pomelo format`/],
    [['quota'], 2, /set, get, list, delete, check/],
    [['mount', 'sqlite3:///x.db'], 2, /something is missing: expected META-URL MOUNT-POINT/],
    [['ls', '/local'], 2, /no place in a volume/],
    [['ls', 'sqlite3:///nonexistent-folder/x.db'], 1, /pomelo: ls: /],
    [['ls', 'pigeon://:hush@loft'], 1, /metadata engine "pigeon"/],
    [['umount', '/'], 1, /no volume/],
  ]
  for (const [args, code, text] of cases) {
    const ended = await runMain(args)
    assert.equal(ended.code, code, `${args.join(' ')}: ${ended.stderr}`)
    assert.match(ended.stdout + ended.stderr, text)
    assert.doesNotMatch(ended.stdout + ended.stderr, /hush/)
  }
})
