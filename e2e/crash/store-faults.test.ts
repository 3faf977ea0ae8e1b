/**
 * A volume in a bucket whose server fails, cuts, dawdles, hangs, damages and denies while writers run: what an fsync or
 * close has acknowledged is there in full afterwards, read back through the same server, and nothing else went wrong.
 * POMELO_FAULT_ROUNDS and POMELO_FAULT_SEED change the run; `npm run test:faults` makes it long.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isLong } from '../harness/engines.ts'
import { orSkip } from '../harness/skip.ts'
import { mustPomelo, noMount } from '../harness/volume.ts'
import { BadBucket } from './bad-bucket.ts'
import { FAULT_ROUNDS, FAULT_SEED } from './rounds.ts'
import { Writers } from './writers.ts'

const ROUNDS = FAULT_ROUNDS
/** Lines of the journals after which a round ends. */
const PROMISES = 60
/** One denial of a long run lasts a minute. */
const DENIED_MS = 1500
const LONG_DENIAL_MS = 60_000
const RATE = 0.15
/** So that requests that hang are given up, and tried again. */
const TIMEOUTS = ['--get-timeout', '3s', '--put-timeout', '3s']

for (const [mode, options] of [
  ['sync', []],
  ['write-back', ['--writeback']],
] as const)
  test(`a bad store loses nothing acknowledged, ${ROUNDS} rounds: ${mode}, seed ${FAULT_SEED}`, {
    skip: noMount,
    timeout: 240_000 + ROUNDS * 60_000,
  }, async (t) => {
    await using bucket = orSkip(await BadBucket.start(FAULT_SEED), t)
    if (bucket === undefined) return
    const { proxy } = bucket
    await using volume = await bucket.makeVolume(['--block-size', '64K', '--trash-days', '0'])
    let promises = 0
    for (let round = 0; round < ROUNDS; round++) {
      await volume.mount([...TIMEOUTS, ...options])
      const writers = await Writers.start(volume, `round-${round}`, FAULT_SEED + round)
      try {
        proxy.rate = RATE
        await writers.more(PROMISES)
        proxy.denies = round % 2 === 1
        await sleep(isLong && round === 1 ? LONG_DENIAL_MS : DENIED_MS)
        proxy.denies = false
        await writers.more(10)
      } finally {
        await writers.end()
      }
      await mustPomelo(['umount', '--flush', volume.mountPoint], { timeoutMs: 180_000 })
      await volume.unmount()
      // Nothing cached: every byte comes from the store.
      await volume.mount([...TIMEOUTS, '--cache-size', '0'])
      promises += await writers.verified(volume)
      proxy.rate = 0
      await volume.unmount()
    }
    t.diagnostic(`${promises} promises kept; ${JSON.stringify(proxy.played)}`)
    assert.ok(promises > 0, 'something was acknowledged')
    await bucket.fsck(volume)
  })
