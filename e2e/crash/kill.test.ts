/**
 * kill -9 of the serving process at random moments while writers run. After each remount everything that an
 * fsync, close, rename, unlink or mkdir had acknowledged must be so; at the end both clients' fsck are clean.
 * POMELO_CRASH_ROUNDS and POMELO_CRASH_SEED change the run.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { below, seededRandom } from '#core/base/random.ts'
import { root } from '../../scripts/runtime.mjs'
import { type UsedEngine, useEngines } from '../harness/engines.ts'
import { must, mustPomelo, noMount, run } from '../harness/volume.ts'
import { checkAfterCrash } from './check.ts'
import { promised } from './promised.ts'

const SEED = Number(process.env.POMELO_CRASH_SEED ?? 1)
/** No kill after this unless rounds were asked for: on a machine that is busy otherwise a round can take 20 s. */
const TIME_LIMIT_MS = process.env.POMELO_CRASH_ROUNDS === undefined ? 120_000 : Number.POSITIVE_INFINITY
const WRITERS = 3
const script = (name: string): string => join(root, 'e2e', 'crash', name)

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
    const journals: string[] = []
    let promises = 0
    await volume.mount(variant.mount)
    const started = performance.now()
    let kills = 0
    for (; kills < rounds && performance.now() - started < TIME_LIMIT_MS; kills++) {
      const round = kills
      const folder = join(volume.mountPoint, `round-${round}`)
      await must('mkdir', [folder])
      const writers = Array.from({ length: WRITERS }, (_, k) => {
        const journal = join(volume.folder, `journal-${round}-${k}`)
        journals.push(journal)
        return ended(
          spawn('python3', [script('writer.py'), folder, journal, `${SEED * 1000 + round}`, `${k}`], {
            stdio: 'ignore',
          }),
        )
      })
      await promised(journals.slice(-WRITERS), below(random, 60))
      await sleep(below(random, 300))
      await volume.kill()
      await Promise.all(writers)
      await volume.mount(variant.mount)
      for (let old = Math.max(0, round - 1); old <= round; old++) {
        const mine = journals.slice(old * WRITERS, (old + 1) * WRITERS)
        const check = await run('python3', [
          script('verify.py'),
          join(volume.mountPoint, `round-${old}`),
          ...mine,
        ])
        assert.equal(
          check.code,
          0,
          `round ${round} looking at ${old}:\n${check.stdout}${check.stderr}\n${volume.log}`,
        )
        if (old === round) promises += Number.parseInt(check.stdout, 10)
      }
    }
    t.diagnostic(`${kills} kills, ${promises} promises kept`)
    // Staged blocks, those of killed processes among them, go up before it ends.
    await mustPomelo(['umount', '--flush', volume.mountPoint])
    await checkAfterCrash(volume, engine, t)
  })
}

function ended(child: ReturnType<typeof spawn>): Promise<void> {
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000)
  return new Promise((resolve) =>
    child.on('exit', () => {
      clearTimeout(timer)
      resolve()
    }),
  )
}
