/** Volumes that the reference client wrote: the inspector's answers equal the brute force's there, too. */
import assert from 'node:assert/strict'
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ObjectAnswer } from '#core/inspect/answers.ts'
import { openVolume } from '#core/volume/open-volume.ts'
import { runOperation } from '#core/volume/operations.ts'
import { root } from '../../scripts/runtime.mjs'
import { useEngines } from '../harness/engines.ts'
import { Reference } from '../harness/reference.ts'
import { mustPomelo, noMount, run, sh } from '../harness/volume.ts'
import { type Ask, compareAll, listFolder } from './compare.ts'

const FIXTURES = process.env.POMELO_FIXTURES ?? join(root, '..', 'shared', 'fixtures')
const PASSPHRASE = 'fixture-only'
const fixtures = (await readdir(FIXTURES).catch(() => [])).filter((name) => name.startsWith('sqlite-'))
const reference = await Reference.find()

if (fixtures.length === 0)
  test('fixtures', { skip: 'POMELO_FIXTURES names no folder with fixtures' }, () => {})

for (const name of fixtures)
  test(`every object and byte of the fixture ${name} is explained`, { timeout: 120_000 }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'pomelo-inspect-'))
    try {
      await cp(join(FIXTURES, name), folder, { recursive: true, mode: 0 })
      await run('chmod', ['-R', 'u+w,a+rX', folder])
      const meta = `sqlite3://${join(folder, 'meta.db')}`
      const compared = await compareStored(meta, folder, join(folder, 'data/'))
      t.diagnostic(JSON.stringify(compared))
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })

async function compareStored(meta: string, folder: string, bucket: string) {
  const volume = await openVolume(meta, {
    readOnly: true,
    unrecorded: true,
    noBackgroundJobs: true,
    bucket,
    passphrase: PASSPHRASE,
    indexDir: join(folder, 'index'),
  })
  try {
    const { setting, geometry } = volume
    return await compareAll({
      ask: (op, args) => runOperation(volume, op, args, {}),
      dump: await mustPomelo(['dump', meta]),
      listing: await listFolder(join(bucket, setting.Name)),
      blockSize: geometry.blockSize,
      isPlain: /^(none)?$/.test(setting.Compression ?? '') && !setting.EncryptKey,
    })
  } finally {
    await volume.close()
  }
}

for (const engine of useEngines())
  test(`${engine.name}: what the reference writes beside an open inspector is explained, then all of it at rest`, {
    skip: noMount || engine.skip || (typeof reference === 'string' && reference),
    timeout: 240_000,
  }, async (t) => {
    assert.ok(typeof reference !== 'string')
    await using place = await engine.placeForVolume()
    await reference.format(place, ['--block-size', '64K', '--trash-days', '1'])
    const volume = await openVolume(place.meta, {
      readOnly: true,
      unrecorded: true,
      noBackgroundJobs: true,
      indexDir: join(place.folder, 'index'),
    })
    const ask: Ask = (op, args) => runOperation(volume, op, args, {})
    try {
      await volume.inspector.index.ensure({})
      await using mount = await reference.mount(place)
      const at = { cwd: mount.mountPoint }
      await sh('mkdir d && head -c 300000 /dev/urandom > d/one && cp d/one two && sync', at)
      await explained(ask, place.bucket)
      await sh(
        'dd if=/dev/urandom of=d/one bs=1000 seek=70 count=40 conv=notrunc 2>/dev/null; truncate -s 150000 two; ln d/one three; mv two d/two; rm d/two; head -c 90000 /dev/urandom > four; rm four; for k in 1 2 3 4 5 6 7 8; do dd if=/dev/urandom of=d/many bs=5000 seek=$((k * 3)) count=2 conv=notrunc 2>/dev/null; sync d/many; done; cat d/many > /dev/null; sync',
        at,
      )
      await reference.must(['clone', join(mount.mountPoint, 'd'), join(mount.mountPoint, 'e')])
      await explained(ask, place.bucket)
      await mount.unmount()
    } finally {
      await volume.close()
    }
    t.diagnostic(JSON.stringify(await compareStored(place.meta, place.folder, place.bucket)))
  })

/** While the other client goes on: whatever is in the bucket has its reason, and after a while none is doubtful. */
async function explained(ask: Ask, bucket: string): Promise<void> {
  for (const key of (await listFolder(join(bucket, 'e2e-volume'))).keys()) {
    if (!key.startsWith('chunks/')) continue
    let answer = (await ask('inspectObject', { key })) as ObjectAnswer
    for (let left = 20; !answer.complete && left > 0; left--) {
      await sleep(1000)
      answer = (await ask('inspectObject', { key })) as ObjectAnswer
    }
    assert.ok(
      ['live', 'trash', 'shadowed', 'replaced', 'pending', 'deleted', 'gone'].includes(answer.reason),
      JSON.stringify(answer),
    )
    assert.equal(answer.complete, true, JSON.stringify(answer))
  }
}
