/**
 * kill -9 of the serving process at random moments while writers run. After each remount everything that an
 * fsync, close, rename, unlink or mkdir had acknowledged must be so; at the end both clients' fsck are clean.
 * POMELO_CRASH_ROUNDS and POMELO_CRASH_SEED change the run.
 */
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { below, seededRandom } from '#core/base/random.ts'
import { type UsedEngine, useEngines } from '../harness/engines.ts'
import { mustPomelo, noMount } from '../harness/volume.ts'
import { checkAfterCrash } from './check.ts'
import { Writers } from './writers.ts'

const SEED = Number(process.env.POMELO_CRASH_SEED ?? 1)
/** No kill after this unless rounds were asked for: on a machine that is busy otherwise a round can take 20 s. */
const TIME_LIMIT_MS = process.env.POMELO_CRASH_ROUNDS === undefined ? 120_000 : Number.POSITIVE_INFINITY

const variants = [
  { name: 'plain', format: ['--block-size', '64K'], mount: [] },
  { name: 'write-back', format: ['--trash-days', '0'], mount: ['--writeback'] },
  {
    name: 'lz4, compaction forced',
    format: ['--compress', 'lz4', '--trash-days', '0', '--block-size', '64K'],
    mount: ['--compaction', 'eager'],
  },
] as const

for (const engine of useEngines()) {
  const rounds = Number(process.env.POMELO_CRASH_ROUNDS ?? (engine.inFull ? 8 : 3))
  for (const variant of engine.inFull ? variants : variants.slice(0, 1)) survives(engine, variant, rounds)
}

function survives(engine: UsedEngine, variant: (typeof variants)[number], rounds: number): void {
  test(`nothing acknowledged is lost by kills, ${rounds} of them: ${engine.name}, ${variant.name}, seed ${SEED}`, {
    skip: noMount || engine.skip,
    timeout: 600_000,
  }, async (t) => {
    const random = seededRandom(SEED)
    await using volume = await engine.makeVolume(variant.format)
    const all: Writers[] = []
    let promises = 0
    await volume.mount(variant.mount)
    const started = performance.now()
    let kills = 0
    for (; kills < rounds && performance.now() - started < TIME_LIMIT_MS; kills++) {
      const writers = await Writers.start(volume, `round-${kills}`, SEED + kills)
      all.push(writers)
      await writers.more(1 + below(random, 60))
      await sleep(below(random, 300))
      await volume.kill()
      await writers.end()
      await volume.mount(variant.mount)
      await all.at(-2)?.verified(volume)
      promises += await writers.verified(volume)
    }
    t.diagnostic(`${kills} kills, ${promises} promises kept`)
    // Staged blocks, those of killed processes among them, go up before it ends.
    await mustPomelo(['umount', '--flush', volume.mountPoint])
    await checkAfterCrash(volume, engine, t)
  })
}
