/**
 * Index and survey a generated volume in a process of its own, and say what that took: `scale-child.ts META-FILE
 * INDEX-FILE FILES`. Stopped after a third by `--stop`, to be gone on with by the next process.
 */
import { systemClock } from '#core/base/clock.ts'
import { below, seededRandom } from '#core/base/random.ts'
import { Geometry } from '#core/chunk/geometry.ts'
import { fileMap } from '#core/inspect/file-map.ts'
import { IndexFile } from '#core/inspect/index-file.ts'
import { objectAnswer } from '#core/inspect/object-answer.ts'
import { ObjectList } from '#core/inspect/object-list.ts'
import type { IndexedVolume } from '#core/inspect/parts.ts'
import { survey } from '#core/inspect/survey.ts'
import { VolumeIndex } from '#core/inspect/volume-index.ts'
import { loadSetting, openEngine } from '#core/meta/open-meta.ts'
import { fileIno, ListedStore, sizeOf } from './test-volume-of-rows.ts'

const [metaFile, indexFile, count, stop] = process.argv.slice(2)
const files = Number(count)
const LOOKUPS = 300
/** Objects of a page of the bucket's list. */
const PAGE = 200

const engine = await openEngine(`sqlite3://${metaFile}`, { readOnly: true })
const setting = await loadSetting(engine)
const geometry = new Geometry(setting.BlockSize * 1024, false)
const index = new VolumeIndex({
  file: IndexFile.open(indexFile!, `${setting.UUID} ${engine.address}`),
  engine,
  clock: systemClock,
})
const volume: IndexedVolume = {
  setting,
  engine,
  geometry,
  clock: systemClock,
  store: new ListedStore(geometry, files),
  blocks: { locate: async ({ size }) => new Array(geometry.count(size)).fill('store'), held: () => [] },
  meta: { sid: 0 },
  index,
}

const [stopping, resumedFrom] = [new AbortController(), index.file.get('scan')]
const firstMs = performance.now()
let first: number | undefined
try {
  await index.ensure({
    signal: stopping.signal,
    onProgress: ({ done }) => {
      first ??= done
      if (stop === '--stop' && done > files / 3) stopping.abort()
    },
  })
} catch (error) {
  if (!stopping.signal.aborted) throw error
}
const buildMs = performance.now() - firstMs
const buildCpuSec = cpuSec()
if (stop === '--stop') report({ buildMs, buildCpuSec, first })
else {
  const surveyFrom = performance.now()
  const space = await survey(volume, {})
  const surveyMs = performance.now() - surveyFrom
  const random = seededRandom(1)
  const objectMs: number[] = []
  const fileMs: number[] = []
  for (let k = 0; k < LOOKUPS; k++) {
    const file = below(random, files)
    const key = geometry.key(file + 1, 0, sizeOf(file))
    let from = performance.now()
    const answer = await objectAnswer(volume, key)
    objectMs.push(performance.now() - from)
    const [use] = answer.uses
    if (!answer.complete || use?.file.paths[0] !== `/folder ${file % 1000}/file ${file}.bin`)
      throw new Error(`${key}: ${JSON.stringify(answer)}`)
    from = performance.now()
    const map = await fileMap(volume, fileIno(file), { from: 0, limit: 16, probe: true })
    fileMs.push(performance.now() - from)
    if (map.chunks[0]?.blocks[0]?.key !== key) throw new Error(JSON.stringify(map))
  }
  const list = new ObjectList(volume)
  const all = { firstSlice: 0, endSlice: Number.MAX_SAFE_INTEGER }
  await list.page(all, 0, PAGE)
  const startMs: number[] = []
  const endMs: number[] = []
  for (let k = 0; k < LOOKUPS / 10; k++) {
    for (const [from, times] of [
      [k * PAGE, startMs],
      [files - (k + 1) * PAGE, endMs],
    ] as const) {
      const began = performance.now()
      const { objects } = await list.page(all, from, PAGE)
      times.push(performance.now() - began)
      if (objects.length !== PAGE || objects[0]!.slice !== from + 1) throw new Error(`page at ${from}`)
    }
  }
  const pageMs = { start: worst(startMs), end: worst(endMs) }
  report({
    buildMs,
    buildCpuSec,
    first,
    surveyMs,
    pageMs,
    space,
    objectMs: worst(objectMs),
    fileMs: worst(fileMs),
  })
}
index.file.close()
await engine.close()

function worst(times: readonly number[]): { readonly median: number; readonly p99: number } {
  const sorted = times.toSorted((a, b) => a - b)
  return { median: sorted[Math.floor(sorted.length / 2)]!, p99: sorted[Math.floor(sorted.length * 0.99)]! }
}

function cpuSec(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

function report(measured: object): void {
  console.log(
    JSON.stringify({
      ...measured,
      resumed: resumedFrom !== undefined,
      peakRssMiB: process.resourceUsage().maxRSS / 1024,
      cpuSec: cpuSec(),
      indexMiB: index.file.bytes / 2 ** 20,
    }),
  )
}
