/**
 * Disks that are full while writers run: of the cache, of staged blocks, of the objects, of the metadata. What can go on
 * does; what cannot fails with ENOSPC at write, fsync or close; nothing acknowledged is lost; and when there is room
 * again, the mount uses it without a restart. POMELO_FAULT_ROUNDS and POMELO_FAULT_SEED change the run.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isLong } from '../harness/engines.ts'
import { orSkip } from '../harness/skip.ts'
import { SmallDisk } from '../harness/small-disk.ts'
import { makeVolume, must, mustPomelo, noMount, type TestVolume } from '../harness/volume.ts'
import { BadBucket } from './bad-bucket.ts'
import { FAULT_ROUNDS, FAULT_SEED } from './rounds.ts'
import { Writers } from './writers.ts'

const limits = { skip: noMount, timeout: 120_000 + FAULT_ROUNDS * 60_000 }
const FORMAT = ['--block-size', '64K', '--trash-days', '0']
const NO_SPACE = 'No space left on device'
const DISK_MB = 24

/** Without a reserve only the disk itself says that it is full. */
const UNRESERVED = ['--free-space-ratio', '0']

for (const [mode, options] of [
  ['sync', UNRESERVED],
  ['write-back', [...UNRESERVED, '--writeback']],
  ['write-back with a reserve', ['--writeback']],
] as const)
  if (isLong || mode === 'write-back')
    test(
      `a full cache disk stops nobody and loses nothing: ${mode}, seed ${FAULT_SEED}`,
      limits,
      async (t) => {
        await using volume = await makeVolume(FORMAT)
        await using disk = orSkip(await SmallDisk.at(volume.cache, DISK_MB), t)
        if (disk === undefined) return
        await volume.mount(options)
        let promises = 0
        for (let round = 0; round < FAULT_ROUNDS; round++) {
          await using writers = await Writers.start(volume, `round-${round}`, FAULT_SEED + round)
          await writers.more(40)
          await disk.fill()
          await writers.more(60)
          await disk.clear()
          await writers.more(30)
          await writers.end()
          promises += await writers.verified(volume)
          assert.deepEqual([...writers.errors], [], 'an operation failed')
        }
        await untilCached(volume, mode === 'sync' ? 'blockcache_writes' : 'staging_write_bytes')
        t.diagnostic(`${promises} promises kept`)
        await mustPomelo(['umount', '--flush', volume.mountPoint])
        await volume.unmount()
        await mustPomelo(['fsck', volume.meta])
      },
    )

test(
  'staging stops before its disk is full while the store is away, and all goes up when it is back',
  limits,
  async (t) => {
    await using bucket = orSkip(await BadBucket.start(FAULT_SEED), t)
    if (bucket === undefined) return
    const { proxy } = bucket
    await using volume = await bucket.makeVolume(FORMAT)
    await using disk = orSkip(await SmallDisk.at(volume.cache, DISK_MB), t)
    if (disk === undefined) return
    await volume.mount(['--writeback'])
    await using writers = await Writers.start(volume, 'd', FAULT_SEED)
    await writers.more(20)
    proxy.denies = true
    // Until nothing is staged any more: then they wait for the store.
    for (let before = -1, now = await disk.free(); before !== now; before = now, now = await disk.free())
      await sleep(1500)
    const left = await disk.free()
    assert.ok(left > 0.02 * DISK_MB * 2 ** 20, `${left} bytes of the disk are left`)
    proxy.denies = false
    await writers.more(60)
    await writers.end()
    await mustPomelo(['umount', '--flush', volume.mountPoint], { timeoutMs: 120_000 })
    await volume.unmount()
    await volume.mount(['--cache-size', '0'])
    t.diagnostic(`${await writers.verified(volume)} promises kept, ${left} bytes were left`)
    await volume.unmount()
    await bucket.fsck(volume)
  },
)

for (const what of ['bucket', 'metadata'] as const)
  if (isLong || what === 'bucket')
    test(
      `a full disk of the ${what} is ENOSPC to who writes, and only as long as it is full, seed ${FAULT_SEED}`,
      limits,
      async (t) => {
        let found: SmallDisk | string = 'no disk'
        await using volume = await makeVolume(FORMAT, {}, async (folder) => {
          found = await SmallDisk.at(join(folder, what), DISK_MB)
          return `sqlite3://${join(folder, what === 'metadata' ? what : '', 'meta.db')}`
        })
        await using disk = orSkip(found as SmallDisk | string, t)
        if (disk === undefined) return
        await volume.mount()
        let promises = 0
        for (let round = 0; round < FAULT_ROUNDS; round++) {
          await using writers = await Writers.start(volume, `round-${round}`, FAULT_SEED + round)
          await writers.more(30)
          await disk.fill()
          await writers.failed(NO_SPACE)
          assert.match(await must('ls', [volume.mountPoint]), /round-/, 'it can be read')
          await disk.clear()
          await writers.more(40)
          await writers.end()
          promises += await writers.verified(volume)
          assert.deepEqual([...writers.errors], [NO_SPACE])
          await must('rm', ['-r', join(volume.mountPoint, `round-${round}`)])
        }
        t.diagnostic(`${promises} promises kept`)
        await volume.unmount()
        await mustPomelo(['fsck', '--sync-dir-stat', volume.meta])
      },
    )

/** The mount has a metric that grows while files are written. */
async function untilCached(volume: TestVolume, metric: string): Promise<void> {
  const value = async (): Promise<number> => {
    const text = await must('cat', [join(volume.mountPoint, '.stats')])
    return Number(new RegExp(`^juicefs_${metric} (\\S+)`, 'm').exec(text)?.[1] ?? 0)
  }
  const before = await value()
  const folder = join(volume.mountPoint, 'more')
  await must('mkdir', [folder])
  for (let tries = 0; (await value()) === before; tries++) {
    assert.ok(tries < 120, `${metric} does not grow`)
    await must('dd', ['if=/dev/urandom', `of=${join(folder, `${tries}`)}`, 'bs=30k', 'count=1'])
    await sleep(500)
  }
}
