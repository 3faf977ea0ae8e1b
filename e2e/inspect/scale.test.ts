/**
 * A large volume, generated: the index is built and the bucket surveyed within bounds of time and memory, look-ups either
 * way are quick, and a build that was stopped goes on in the next process. Whole, with a million files, in long runs.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import type { Survey } from '#core/inspect/survey.ts'
import { nodeBinary, root } from '../../scripts/runtime.mjs'
import { isLong } from '../harness/engines.ts'
import { slack } from '../harness/load.ts'
import { makeVolume, must } from '../harness/volume.ts'
import { fillMetadata, sizeOf } from './test-volume-of-rows.ts'

const FILES = isLong ? 1_000_000 : 20_000
/** Processor time: other work on the machine must not count. Two minutes of two cores are 240 s. */
const BUILD_CPU_SEC = isLong ? 120 : 10
const RSS_MIB = 400
const LOOKUP_MS = 20

interface Times {
  readonly median: number
  readonly p99: number
}

interface Measured {
  readonly buildMs: number
  readonly buildCpuSec: number
  /** Where the first page of the scan stood. */
  readonly first: number
  readonly resumed: boolean
  readonly peakRssMiB: number
  readonly space: Survey
  readonly objectMs: Times
  readonly fileMs: Times
  /** 200 objects of the bucket's list, near its start and near its end. */
  readonly pageMs: { readonly start: Times; readonly end: Times }
}

test(`${FILES} files and objects are indexed, surveyed and looked up within bounds`, {
  timeout: isLong ? 1_500_000 : 120_000,
}, async (t) => {
  await using volume = await makeVolume(['--block-size', '64K'])
  const meta = join(volume.folder, 'meta.db')
  fillMetadata(meta, FILES)
  const child = async (...args: string[]): Promise<Measured> => {
    const script = join(root, 'e2e', 'inspect', 'scale-child.ts')
    const text = await must(
      nodeBinary()!,
      // As the inspector's process has it (core/volume/inspect-link.ts).
      ['--max-semi-space-size=4', script, meta, join(volume.folder, 'index.db'), String(FILES), ...args],
      {
        timeoutMs: 1_400_000,
      },
    )
    t.diagnostic(text.trim())
    return JSON.parse(text) as Measured
  }
  const stopped = await child('--stop')
  assert.equal(stopped.resumed, false)
  const { resumed, first, space, ...measured } = await child()
  assert.equal(resumed, true)
  assert.ok(first > FILES / 3, `went on at ${first}`)
  assert.ok(stopped.buildCpuSec + measured.buildCpuSec < BUILD_CPU_SEC, 'processor time of the build')
  assert.ok(measured.peakRssMiB < RSS_MIB, `${measured.peakRssMiB} MiB`)
  const { objectMs, fileMs } = measured
  const bound = LOOKUP_MS * slack()
  assert.ok(objectMs.p99 < bound && fileMs.p99 < bound, JSON.stringify({ objectMs, fileMs }))
  const { start, end } = measured.pageMs
  assert.ok(end.median < 3 * start.median + 1, 'the end of the list is as near as its start')
  let bytes = 0
  for (let file = 0; file < FILES; file++) bytes += sizeOf(file)
  assert.deepEqual([space.objects, space.bytes, space.classes.live], [FILES, bytes, bytes])
})
