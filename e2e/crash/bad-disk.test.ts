/**
 * A cache disk that fails and lies (a file system of ours, harness/bad-disk.ts) while writers run: reads are answered
 * from the store, writes are not lost, and what a cached file says wrongly reaches nobody. Staged blocks have no other copy:
 * theirs may be EIO, never wrong. POMELO_FAULT_ROUNDS and POMELO_FAULT_SEED change the run.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import { BadDisk } from '../harness/bad-disk.ts'
import type { Ills } from '../harness/bad-disk-child.ts'
import { isLong } from '../harness/engines.ts'
import { makeVolume, mustPomelo, noMount } from '../harness/volume.ts'
import { FAULT_ROUNDS, FAULT_SEED } from './rounds.ts'
import { Writers } from './writers.ts'

const limits = { skip: noMount, timeout: 120_000 + FAULT_ROUNDS * 60_000 }
const FORMAT = ['--block-size', '64K', '--trash-days', '0']
/** So that the cache is asked each time: no memory, and the kernel keeps a file's pages for one open at most. */
const FROM_DISK = ['--buffer-size', '32M', '--attr-cache', '0']

const ALL_ILLS: readonly Ills[] = [
  { reads: 'fail' },
  { reads: 'lie' },
  { writes: 'fail' },
  { writes: 'full' },
  { syncs: 'fail' },
  { reads: 'fail', writes: 'fail', syncs: 'fail' },
]
/** The others take longer than they tell. */
const ILLS = isLong ? ALL_ILLS : [ALL_ILLS[1]!, ALL_ILLS[5]!]

for (const [mode, options] of [
  ['sync', []],
  ['write-back', ['--writeback']],
] as const)
  test(`a cache disk that fails and lies loses nothing: ${mode}, seed ${FAULT_SEED}`, limits, async (t) => {
    await using volume = await makeVolume(FORMAT)
    await using disk = await BadDisk.at(volume.cache)
    let [promises, struck] = [0, 0]
    for (let round = 0; round < FAULT_ROUNDS; round++)
      for (const [k, ills] of ILLS.entries()) {
        await volume.mount([...FROM_DISK, ...options])
        const writers = await Writers.start(volume, `round-${round}-${k}`, FAULT_SEED + round)
        try {
          await writers.more(20)
          await disk.suffer(ills)
          await writers.more(30)
        } finally {
          await writers.end()
        }
        // Staged blocks that cannot be read are EIO until they can.
        if (mode === 'sync') promises += await writers.verified(volume)
        struck += await disk.suffer({})
        await mustPomelo(['umount', '--flush', volume.mountPoint])
        await volume.unmount()
        await volume.mount([...FROM_DISK, ...options])
        await disk.suffer({ reads: mode === 'sync' ? ills.reads : undefined })
        promises += await writers.verified(volume)
        struck += await disk.suffer({})
        await volume.unmount()
        if (ills.writes === undefined) assert.deepEqual([...writers.errors], [], 'an operation failed')
      }
    t.diagnostic(`${promises} promises kept, ${struck} requests struck`)
    assert.ok(struck > 0)
    await mustPomelo(['fsck', volume.meta])
  })
