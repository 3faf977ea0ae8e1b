/**
 * A process that `staging.test.ts` kills: writes slices 1, 2, … of 100,000 bytes in write-back mode to a bucket that
 * does not answer puts, and prints each id once it is acknowledged.
 */
import { systemClock } from '#core/base/clock.ts'
import { silentLog } from '#core/base/log.ts'
import { Metrics } from '#core/base/metrics.ts'
import { seededRandom } from '#core/base/random.ts'
import { FileObjectStore } from '#core/object/file.ts'
import { FaultyObjectStore } from '#core/object/with-faults.ts'
import { openBlockStore } from './open-block-store.ts'
import { testBytes, UUID, writeSlice } from './test-store.ts'

const [bucket, cache] = process.argv.slice(2) as [string, string]
const store = new FaultyObjectStore(
  new FileObjectStore(bucket),
  { hangs: 1, ops: ['put'] },
  seededRandom(1),
  systemClock,
)
const blocks = await openBlockStore({
  ...{ store, blockSize: 65536, uuid: UUID, cacheDirs: [cache], writeback: true, freeSpaceRatio: 0.01 },
  ...{ log: silentLog, metrics: new Metrics(), clock: systemClock },
})
for (let id = 1; ; id++) {
  await writeSlice(blocks, id, testBytes(100_000, id))
  process.stdout.write(`${id}\n`)
}
