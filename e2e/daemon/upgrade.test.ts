/** A new version is put in the place of the old one while a volume is mounted: it stays mounted, and right. */
import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../../scripts/runtime.mjs'
import { must, noMount } from '../harness/volume.ts'
import { TestDaemon } from './test-daemon.ts'

/** The program as it would be installed at `place`, calling itself `version`. */
async function install(place: string, version: string): Promise<string> {
  for (const part of ['core', 'build', 'scripts', 'package.json'])
    await cp(join(root, part), join(place, part), { recursive: true })
  const file = join(place, 'core', 'base', 'version.ts')
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace(/(POMELO_VERSION = ')[^']*/, `$1${version}`))
  return join(place, 'core', 'cli', 'main.ts')
}

test('a volume stays mounted and right through an upgrade in place, and the new daemon has it', {
  skip: noMount,
  timeout: 180_000,
}, async () => {
  const place = await mkdtemp(join(tmpdir(), 'pu-'))
  try {
    await symlink(join(root, 'node_modules'), join(place, 'node_modules'))
    await using daemon = await TestDaemon.start(await install(place, '1.0.0'))
    const { id, mountPoint, pid } = await daemon.create('kept')
    await must('sh', ['-c', `echo before > ${mountPoint}/file`])
    assert.equal((await daemon.trpc.system.about.query()).version, '1.0.0')
    // As a package manager would: the old files go, the new ones come, and everything runs on meanwhile.
    for (const part of ['core', 'build', 'scripts']) await rm(join(place, part), { recursive: true })
    await must('sh', ['-c', `echo without > ${mountPoint}/program`])
    await install(place, '1.0.1')
    assert.equal(await must('cat', [`${mountPoint}/file`]), 'before\n')
    await daemon.end()
    await must('sh', ['-c', `echo between > ${mountPoint}/file`])
    await daemon.begin()
    assert.equal((await daemon.trpc.system.about.query()).version, '1.0.1')
    const volume = await daemon.state(id, 'mounted')
    assert.deepEqual([volume.pid, volume.desired], [pid, 'mounted'])
    // The old process goes on with work that it has not done before.
    const { entries } = await daemon.trpc.files.list.query({ id, path: '/' })
    assert.deepEqual(
      entries.map(({ name }) => name),
      ['file', 'program'],
    )
    await daemon.done(await daemon.trpc.tasks.start.mutate({ kind: 'fsck', id }))
    const dump = daemon.path('dump.json.zstd')
    await daemon.done(await daemon.trpc.tasks.start.mutate({ kind: 'dump', id, file: dump }))
    await daemon.trpc.volumes.unmount.mutate({ id, waitMs: 30_000 })
    await daemon.trpc.volumes.mount.mutate({ id, waitMs: 30_000 })
    const next = await daemon.state(id, 'mounted')
    assert.notEqual(next.pid, pid)
    assert.equal(await must('cat', [`${mountPoint}/file`]), 'between\n')
  } finally {
    await rm(place, { recursive: true, force: true })
  }
})
