/**
 * kill -9 of a write-back mount while its store is away, so that nothing acknowledged is anywhere but in the staging
 * folder: after the next mount it is read from there, store or no store, and is in the store once that is back.
 * POMELO_FAULT_ROUNDS and POMELO_FAULT_SEED change the run.
 */
import { rm } from 'node:fs/promises'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { below, seededRandom } from '#core/base/random.ts'
import { orSkip } from '../harness/skip.ts'
import { mustPomelo, noMount } from '../harness/volume.ts'
import { BadBucket } from './bad-bucket.ts'
import { FAULT_ROUNDS, FAULT_SEED } from './rounds.ts'
import { Writers } from './writers.ts'

const KILLS = FAULT_ROUNDS + 1
const OPTIONS = ['--writeback', '--attr-cache', '0']

test(`what is staged outlives ${KILLS} kills without a store, seed ${FAULT_SEED}`, {
  skip: noMount,
  timeout: 120_000 + KILLS * 60_000,
}, async (t) => {
  const random = seededRandom(FAULT_SEED)
  await using bucket = orSkip(await BadBucket.start(FAULT_SEED), t)
  if (bucket === undefined) return
  const { proxy } = bucket
  await using volume = await bucket.makeVolume(['--block-size', '64K', '--trash-days', '0'])
  await volume.mount(OPTIONS)
  const rounds: Writers[] = []
  let promises = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const writers = await Writers.start(volume, `round-${kill}`, FAULT_SEED + kill)
    rounds.push(writers)
    await writers.more(1 + below(random, 30))
    proxy.denies = true
    await writers.more(10 + below(random, 50))
    await sleep(below(random, 300))
    await volume.kill()
    await writers.end()
    await volume.mount(OPTIONS)
    promises += await writers.verified(volume)
    // Half of the times they go up before the next kill, else some are staged over several.
    if (random.next() < 0.5) {
      proxy.denies = false
      await sleep(below(random, 2000))
    }
  }
  proxy.denies = false
  await mustPomelo(['umount', '--flush', volume.mountPoint], { timeoutMs: 120_000 })
  await volume.unmount()
  await rm(volume.cache, { recursive: true })
  await volume.mount()
  for (const writers of rounds) await writers.verified(volume)
  t.diagnostic(`${promises} promises kept`)
  await volume.unmount()
  await bucket.fsck(volume)
})
