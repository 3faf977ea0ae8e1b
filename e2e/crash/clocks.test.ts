/**
 * A mount whose wall clock jumps by hours, forward and back, beside one whose clock is right: sessions and their locks
 * live on, on both sides; nothing that is cached stays for ever; writers notice nothing.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isLong, useEngines } from '../harness/engines.ts'
import { FakeTime } from '../harness/fake-time.ts'
import { otherMount } from '../harness/other-mount.ts'
import { orSkip } from '../harness/skip.ts'
import { must, noMount, run } from '../harness/volume.ts'
import { checkAfterCrash } from './check.ts'
import { Holder } from './holder.ts'
import { FAULT_SEED } from './rounds.ts'
import { Writers } from './writers.ts'

/** A session lives for five of them, which has to be longer than a busy machine keeps a mount waiting for a processor. */
const HEARTBEAT = ['--heartbeat', '2s']
const LIFE_MS = 12_500
/** What may be cached is for a second. */
const CACHED_MS = 2000
const FRESH = ['--attr-cache', '0', '--entry-cache', '0', '--dir-entry-cache', '0']
const JUMPS_HOURS = isLong ? [5, 0, -5, 0, 30, -30] : [-5, 5]

const TRY = `
import fcntl, os, sys
fcntl.flock(os.open(sys.argv[1], os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)
`

for (const engine of useEngines())
  for (const other of ['ours', 'the reference'] as const)
    if (isLong || (engine.name === 'redis' && other === 'ours'))
      test(`a clock that jumps by hours ends no session and keeps nothing for ever, beside ${other}: ${engine.name}`, {
        skip: noMount || engine.skip,
        timeout: 240_000,
      }, async (t) => {
        await using volume = await engine.makeVolume(['--block-size', '64K'])
        const fake = orSkip(await FakeTime.make(volume.folder), t)
        if (fake === undefined) return
        await volume.mount(HEARTBEAT, fake.env)
        await using mount = orSkip(await otherMount(volume, other, [...HEARTBEAT, ...FRESH]), t)
        if (mount === undefined) return
        const [ours, theirs] = [volume.mountPoint, mount.mountPoint]
        for (const folder of ['ours', 'theirs']) await must('mkdir', [join(ours, folder)])
        await must('sh', ['-c', 'echo 0 > seen'], { cwd: ours })
        await using held = await Holder.start(join(ours, 'ours'))
        await using heldThere = await Holder.start(join(theirs, 'theirs'))
        await using writers = await Writers.start(volume, 'd', FAULT_SEED)
        for (const hours of JUMPS_HOURS) {
          await must('stat', [join(ours, 'seen')])
          await fake.shift(hours)
          await must('sh', ['-c', `echo ${hours} is now > seen; chmod 0640 seen`], { cwd: theirs })
          assert.equal(await must('cat', [join(ours, 'seen')]), `${hours} is now\n`, 'opened after the close')
          await sleep(CACHED_MS)
          assert.match(await must('stat', ['-c', '%a %s', join(ours, 'seen')]), /^640 /)
          await must('chmod', ['0600', join(ours, 'seen')])
          await writers.more(10)
          await sleep(LIFE_MS - CACHED_MS)
          for (const taken of [join(ours, 'theirs', 'lock'), join(theirs, 'ours', 'lock')])
            assert.notEqual(
              (await run('python3', ['-c', TRY, taken])).code,
              0,
              `${taken} is not locked any more`,
            )
          for (const holder of [held, heldThere]) assert.equal(await holder.does('write lock'), 'ok 4')
        }
        await writers.end()
        assert.deepEqual([...writers.errors], [], 'an operation failed')
        await fake.shift(0)
        t.diagnostic(`${await writers.verified(volume)} promises kept`)
        for (const holder of [held, heldThere]) {
          assert.equal(await holder.does('read gone'), 'ok True', 'what has no name any more is kept')
          assert.equal(await holder.does('unlock'), 'ok None')
          await holder[Symbol.asyncDispose]()
        }
        assert.doesNotMatch(volume.log, /taken for dead|locks held/)
        await mount[Symbol.asyncDispose]()
        await checkAfterCrash(volume, engine, t)
      })
