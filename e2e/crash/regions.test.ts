/**
 * Writers on a mount while the regions of its metadata split and change leaders five times a second and a store stops now
 * and then: no operation fails, everything acknowledged is there, and both clients' fsck are clean.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { root } from '../../scripts/runtime.mjs'
import { isLong } from '../harness/engines.ts'
import { startTikv, tikvMissing } from '../harness/tikv.ts'
import { someInodeKey, startUnrest } from '../harness/unrest.ts'
import { makeVolume, must, mustPomelo, noMount, run } from '../harness/volume.ts'

const SEED = Number(process.env.POMELO_CRASH_SEED ?? 1)
const LASTS_MS = isLong ? 120_000 : 15_000
const WRITERS = 3
const PREFIX = 'moving'
const script = (name: string): string => join(root, 'e2e', 'crash', name)

test(`regions in motion lose nothing and fail nothing, seed ${SEED}`, {
  skip: noMount || (tikvMissing() ?? false),
  timeout: 400_000,
}, async (t) => {
  const server = await startTikv()
  t.after(() => server.stop())
  const newMeta = async (): Promise<string> => server.url(PREFIX)
  await using volume = await makeVolume(['--trash-days', '0', '--block-size', '64K'], {}, newMeta)
  await volume.mount()
  const folder = join(volume.mountPoint, 'busy')
  await must('mkdir', [folder])
  const unrest = startUnrest(server, SEED, (random) => someInodeKey(PREFIX, random))
  const journals = Array.from({ length: WRITERS }, (_, k) => join(volume.folder, `journal-${k}`))
  const writers = journals.map((journal, k) =>
    spawn('python3', [script('writer.py'), folder, journal, `${SEED}`, `${k}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    }),
  )
  await sleep(LASTS_MS)
  for (const writer of writers)
    assert.equal(
      writer.exitCode,
      null,
      `an operation failed: ${String(writer.stderr.read() ?? '')}${volume.log}`,
    )
  for (const writer of writers) {
    const gone = new Promise((resolve) => writer.on('exit', resolve))
    writer.kill('SIGKILL')
    await gone
  }
  await unrest.stop()
  const { events } = unrest
  assert.ok(events.leaders > 5 && events.splits > 0 && events.stops > 0, JSON.stringify(events))
  const kept = await run('python3', [script('verify.py'), folder, ...journals])
  assert.equal(kept.code, 0, kept.stdout + kept.stderr)
  const lines = (await Promise.all(journals.map((path) => readFile(path, 'utf8'))))
    .join('')
    .split('\n').length
  t.diagnostic(`${lines} lines promised, ${JSON.stringify(events)}`)
  await volume.unmount()
  await mustPomelo(['fsck', '--sync-dir-stat', volume.meta])
  await mustPomelo(['fsck', '--path', '/', '--recursive', '--sync-dir-stat', volume.meta])
})
