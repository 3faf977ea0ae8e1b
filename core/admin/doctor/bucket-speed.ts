/** How far away a bucket is and how much comes through: small objects one by one, blocks side by side. */
import type { Clock } from '#core/base/clock.ts'
import { Fan } from '#core/base/fan.ts'
import type { Finding, FindingLevel } from '#core/base/finding.ts'
import { secureBytes } from '#core/base/random.ts'
import { formatDuration, formatSize } from '#core/base/units.ts'
import type { ObjectStore } from '#core/object/store.ts'
import { formatMs, type Timings, timeEach } from './timings.ts'
import type { TrialObjects } from './trial-objects.ts'

export interface BucketFigures {
  readonly put: Timings
  readonly get: Timings
  /** Bytes a second, several blocks at a time. */
  readonly upBytesPerSec: number
  readonly downBytesPerSec: number
}

const SMALL = 4096
const ROUNDS = 10
const LIMIT_MS = 5000
/** Blocks at a time: as many as fill a line, few enough for a slow one to end. */
const PARALLEL = 4
const BLOCKS = 8

export async function measureBucket(
  store: ObjectStore,
  trial: TrialObjects,
  blockSize: number,
  clock: Clock,
): Promise<BucketFigures> {
  const small = secureBytes(SMALL)
  const key = trial.key('latency')
  const put = await timeEach(clock, ROUNDS, LIMIT_MS, () => store.put(key, [small], trial.once))
  const get = await timeEach(clock, ROUNDS, LIMIT_MS, () => store.get(key, undefined, trial.once))
  const block = secureBytes(blockSize)
  const keys = Array.from({ length: BLOCKS }, (_, k) => trial.key(`block-${k}`))
  const up = await transfer(clock, keys, (each) => store.put(each, [block], trial.once))
  const down = await transfer(clock, keys.slice(0, up.count), (each) =>
    store.get(each, undefined, trial.once),
  )
  return {
    put,
    get,
    upBytesPerSec: (up.count * blockSize) / up.sec,
    downBytesPerSec: (down.count * blockSize) / down.sec,
  }
}

/** None begins after the time limit; what has begun is waited for. */
async function transfer(
  clock: Clock,
  keys: readonly string[],
  work: (key: string) => Promise<unknown>,
): Promise<{ readonly count: number; readonly sec: number }> {
  const started = clock.monotonicMs()
  let count = 0
  await new Fan(PARALLEL - 1).each(keys, async (key) => {
    if (count > 0 && clock.monotonicMs() - started > LIMIT_MS) return
    count++
    await work(key)
  })
  return { count, sec: Math.max(clock.monotonicMs() - started, 0.1) / 1000 }
}

/** Uploads at a time in a mount, by default. */
const UPLOADS = 20
const GIB = 2 ** 30

export function speedFindings({
  put,
  get,
  upBytesPerSec,
  downBytesPerSec,
}: BucketFigures): readonly Finding[] {
  const filesPerSec = Math.max(1, Math.round((UPLOADS * 1000) / Math.max(put.medianMs, 0.1)))
  const latency = Math.max(put.medianMs, get.medianMs)
  const slowest = Math.min(upBytesPerSec, downBytesPerSec)
  return [
    {
      level: latency < 100 ? 'ok' : latency < 300 ? 'note' : 'warning',
      code: 'bucket-latency',
      sentence: `A small object is stored in ${formatMs(put.medianMs)} and read in ${formatMs(get.medianMs)} (medians of ${put.count} and ${get.count}): the first read of a file that is not cached waits so long, and up to ${filesPerSec.toLocaleString('en-US')} small files a second go up.`,
      ...(latency >= 300 && {
        next: 'choose a bucket in a region nearer to this machine; --writeback lets programs that save many small files go on at once',
      }),
    },
    {
      level: speedLevel(slowest),
      code: 'bucket-throughput',
      sentence: `Blocks go up with ${formatSize(upBytesPerSec)}/s and come down with ${formatSize(downBytesPerSec)}/s: 1 GiB takes ${formatDuration(GIB / upBytesPerSec)} to store and ${formatDuration(GIB / downBytesPerSec)} to read the first time.`,
      ...(slowest < 2 * 2 ** 20 && {
        next: 'look at the line of this machine and at limits set with upload-limit and download-limit; keep a large cache',
      }),
    },
  ]
}

function speedLevel(bytesPerSec: number): FindingLevel {
  if (bytesPerSec >= 10 * 2 ** 20) return 'ok'
  return bytesPerSec >= 2 * 2 ** 20 ? 'note' : 'warning'
}
