/**
 * A volume in a bucket whose server fails, cuts, dawdles, damages and denies while writers run: what an fsync or close
 * has acknowledged is there in full afterwards, read back through the same server, and nothing else went wrong.
 * POMELO_FAULT_ROUNDS and POMELO_FAULT_SEED change the run; `npm run test:faults` makes it long.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { root } from '../../scripts/runtime.mjs'
import { faultProxy } from '../harness/fault-proxy.ts'
import { s3Server, startS3 } from '../harness/servers.ts'
import { makeVolume, must, mustPomelo, noMount, run } from '../harness/volume.ts'
import { promised } from './promised.ts'

const SEED = Number(process.env.POMELO_FAULT_SEED ?? 1)
const ROUNDS = Number(process.env.POMELO_FAULT_ROUNDS ?? 2)
const WRITERS = 3
/** Lines of the journals after which a round ends. */
const PROMISES = 60
const DENIED_MS = 1500
const RATE = 0.15
const script = (name: string): string => join(root, 'e2e', 'crash', name)

for (const [mode, options] of [
  ['sync', []],
  ['write-back', ['--writeback']],
] as const)
  test(`a bad store loses nothing acknowledged, ${ROUNDS} rounds: ${mode}, seed ${SEED}`, {
    skip: noMount,
    timeout: 120_000 + ROUNDS * 60_000,
  }, async (t) => {
    const tool = await s3Server()
    if (tool.path === undefined) return t.skip(tool.missing)
    const s3 = await startS3()
    const proxy = await faultProxy(Number(new URL(s3.endpoint).port), SEED)
    try {
      const bucket = `http://127.0.0.1:${proxy.port}/${s3.bucket}`
      const format = ['--storage', 's3', '--bucket', bucket, '--block-size', '64K', '--trash-days', '0']
      const secrets = { ACCESS_KEY: s3.accessKey, SECRET_KEY: s3.secretKey }
      await using volume = await makeVolume(format, secrets)
      let promises = 0
      for (let round = 0; round < ROUNDS; round++) {
        await volume.mount([...options])
        const folder = join(volume.mountPoint, `round-${round}`)
        await must('mkdir', [folder])
        proxy.rate = RATE
        const journals = Array.from({ length: WRITERS }, (_, k) =>
          join(volume.folder, `journal-${round}-${k}`),
        )
        const writers = journals.map((journal, k) =>
          spawn('python3', [script('writer.py'), folder, journal, `${SEED * 1000 + round}`, `${k}`], {
            stdio: 'ignore',
          }),
        )
        const ends = writers.map((writer) => once(writer, 'exit'))
        await promised(journals, PROMISES)
        proxy.denies = round % 2 === 1
        await sleep(DENIED_MS)
        proxy.denies = false
        for (const writer of writers) writer.kill('SIGKILL')
        await Promise.all(ends)
        await mustPomelo(['umount', '--flush', volume.mountPoint])
        await volume.unmount()
        // Nothing cached: every byte comes from the store.
        await volume.mount(['--cache-size', '0'])
        const checked = await run('python3', [script('verify.py'), folder, ...journals.filter(existsSync)])
        assert.equal(checked.code, 0, `round ${round}:\n${checked.stdout}${checked.stderr}\n${volume.log}`)
        promises += Number.parseInt(checked.stdout, 10)
        proxy.rate = 0
        await volume.unmount()
      }
      assert.ok(promises > 0, 'something was acknowledged')
      t.diagnostic(`${promises} promises kept; ${JSON.stringify(proxy.played)}`)
      await mustPomelo(['fsck', volume.meta], { env: secrets })
    } finally {
      await proxy.close()
      await s3.stop()
    }
  })
