/**
 * The server of the metadata is killed again and again, and paused, while writers run on a mount. What waits for it
 * goes on when it is back or fails with a clear error; everything that was acknowledged is so in the end, and both
 * clients' fsck are clean. POMELO_CRASH_SEED changes the run.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { below, seededRandom } from '#core/base/random.ts'
import { isLong, type UsedEngine, useEngines } from '../harness/engines.ts'
import { must, noMount } from '../harness/volume.ts'
import { checkAfterCrash } from './check.ts'
import { Writers } from './writers.ts'

const SEED = Number(process.env.POMELO_CRASH_SEED ?? 1)
const KILLS = isLong ? 12 : 3
/** Less than any time-out of ours: it is waited for. */
const PAUSE_MS = isLong ? 20_000 : 3000

/** Engines whose server can be killed and started again on its data. */
const SERVERS = ['redis', 'postgres', 'etcd']

for (const engine of useEngines()) if (SERVERS.includes(engine.name)) survives(engine)

function survives(engine: UsedEngine): void {
  const limits = { skip: noMount || engine.skip, timeout: 600_000 }
  test(
    `${KILLS} kills of the metadata server lose and double nothing: ${engine.name}, seed ${SEED}`,
    limits,
    async (t) => {
      const random = seededRandom(SEED)
      await using volume = await engine.makeVolume(['--trash-days', '0', '--block-size', '64K'])
      const server = (await engine.faults())!
      await volume.mount()
      let promises = 0
      for (let round = 0; round < KILLS; round++) {
        await using writers = await Writers.start(volume, `round-${round}`, SEED)
        await writers.more(1 + below(random, 60))
        await server.kill()
        await sleep(below(random, 1500))
        await server.restart()
        await writers.more(31)
        await writers.end()
        promises += await writers.verified(volume)
      }
      t.diagnostic(`${promises} promises kept`)
      await checkAfterCrash(volume, engine, t)
    },
  )

  test(
    `a metadata server that is paused is waited for, and nothing fails: ${engine.name}`,
    limits,
    async (t) => {
      await using volume = await engine.makeVolume(['--trash-days', '0', '--block-size', '64K'])
      const server = (await engine.faults())!
      await volume.mount()
      await must('sh', ['-c', 'echo kept > kept'], { cwd: volume.mountPoint })
      server.pause()
      const asked = performance.now()
      const waiting = must('sh', ['-c', 'mkdir d; echo late > d/late; mv kept d/kept; cat d/*'], {
        cwd: volume.mountPoint,
      })
      await sleep(PAUSE_MS)
      server.resume()
      assert.equal(await waiting, 'kept\nlate\n')
      assert.ok(performance.now() - asked >= PAUSE_MS, 'it was answered without the server')
      await checkAfterCrash(volume, engine, t)
    },
  )

  const writes = ['mkdir e', 'touch d/kept', 'echo new > d/new']
  // What begins by giving up something old goes on without room, so that there can be some.
  refusesWrites('setReadOnly', 'Read-only file system', [...writes, 'mv d/kept d/moved', 'rm d/kept'])
  if (engine.name === 'redis') refusesWrites('setFull', 'No space left on device', writes)

  function refusesWrites(how: 'setReadOnly' | 'setFull', message: string, refused: readonly string[]): void {
    test(
      `a metadata server that refuses writes (${how}) is read from, writes say so, and go on by themselves: ${engine.name}`,
      limits,
      async (t) => {
        await using volume = await engine.makeVolume(['--trash-days', '0', '--block-size', '64K'])
        const refuse = (await engine.faults())![how]!
        await volume.mount()
        const inMount = { cwd: volume.mountPoint }
        await must('sh', ['-c', 'mkdir d; echo kept > d/kept'], inMount)
        await refuse(true)
        try {
          for (const write of refused)
            await assert.rejects(must('sh', ['-c', write], inMount), new RegExp(message), write)
          assert.equal(await must('sh', ['-c', 'ls d; cat d/kept'], inMount), 'kept\nkept\n')
        } finally {
          await refuse(false)
        }
        await must('sh', ['-c', 'mkdir e; echo late > e/late; mv d/kept e/kept; rmdir d'], inMount)
        assert.equal(await must('sh', ['-c', 'ls; cat e/*'], inMount), 'e\nkept\nlate\n')
        await checkAfterCrash(volume, engine, t)
      },
    )
  }
}
