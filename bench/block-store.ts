/** The block store alone, over memory: write rate, hot peek, disk-cache hits. Prints one line per figure. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '#core/base/clock.ts'
import { silentLog } from '#core/base/log.ts'
import { Metrics } from '#core/base/metrics.ts'
import type { BlockStore, SliceId } from '#core/chunk/api.ts'
import { openBlockStore } from '#core/chunk/open-block-store.ts'
import { MemoryObjectStore } from '#core/object/memory.ts'

const MiB = 2 ** 20
const KiB128 = 128 * 1024
const cache = mkdtempSync(join(tmpdir(), 'pomelo-bench-'))

function open(options: {
  cacheDirs?: string[]
  memoryCacheSize?: number
  compression?: 'lz4' | 'zstd'
  store?: MemoryObjectStore
}) {
  const store = options.store ?? new MemoryObjectStore()
  return openBlockStore({
    ...{ store, blockSize: 4 * MiB, uuid: 'bench', freeSpaceRatio: 0.01, cacheLargeWrite: false },
    ...{ log: silentLog, metrics: new Metrics(), clock: systemClock },
    ...options,
  })
}

/** CPU time, all threads: on a busy machine it says more than the clock. */
function lap(): () => { ms: number; cpuMs: number } {
  const [start, cpu] = [performance.now(), process.cpuUsage()]
  return () => {
    const { user, system } = process.cpuUsage(cpu)
    return { ms: performance.now() - start, cpuMs: (user + system) / 1000 }
  }
}

function report(
  name: string,
  took: { ms: number; cpuMs: number },
  unit: string,
  of: (ms: number) => number,
): void {
  const [wall, cpu] = [of(took.ms), of(took.cpuMs)].map((value) =>
    value.toFixed(value < 10 ? 2 : 0).padStart(8),
  )
  console.log(`${name.padEnd(44)} ${wall} ${unit}, by CPU time ${cpu} ${unit}`)
}

const PIECE = Buffer.alloc(KiB128)
for (let at = 0; at + 4 <= PIECE.length; at += 4) PIECE.writeUInt32LE((at * 2654435761) >>> (at % 7), at)

async function write(blocks: BlockStore, id: number, size: number): Promise<SliceId> {
  const piece = size < KiB128 ? PIECE.subarray(0, size) : PIECE
  const writer = blocks.newSlice()
  writer.setId(id)
  for (let at = 0; at < size; at += piece.length) {
    for (let room = writer.write(at, piece); room !== undefined; room = writer.write(at, piece)) await room
    // What a FUSE server does between two requests.
    if (at % MiB === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await writer.finish()
  return { id, size }
}

/** Forgets what it is given, so that the figure is ours. */
class SinkStore extends MemoryObjectStore {
  override async put(): Promise<void> {}
}

for (const compression of [undefined, 'lz4', 'zstd'] as const) {
  const blocks = await open({ compression, memoryCacheSize: 64 * MiB, store: new SinkStore() })
  await write(blocks, 99, 64 * MiB)
  const end = lap()
  for (let id = 1; id <= 4; id++) await write(blocks, id, 64 * MiB)
  report(`write 256 MiB in 128 KiB, ${compression ?? 'none'}`, end(), 'MiB/s', (ms) => 256_000 / ms)
  await blocks.close()
}

{
  const blocks = await open({ store: new SinkStore() })
  for (let id = 1; id <= 200; id++) await write(blocks, id, 4096)
  const end = lap()
  for (let id = 1001; id <= 3000; id++) await write(blocks, id, 4096)
  report('4 KiB slice, write and finish', end(), 'us', (ms) => ms / 2)
  await blocks.close()
}

{
  const blocks = await open({ memoryCacheSize: 64 * MiB })
  const slice = await write(blocks, 1, 32 * MiB)
  const loops = 1_000_000
  let sum = 0
  for (let warm = 0; warm < 2; warm++) {
    const end = lap()
    for (let n = 0; n < loops; n++) sum += blocks.peek(slice, (n & 255) * KiB128, KiB128)![0]!.length
    if (warm === 1) report('peek of 128 KiB in memory', end(), 'ns', (ms) => (ms / loops) * 1e6)
  }
  if (sum !== loops * 2 * KiB128) throw new Error('peek returned something else')
  await blocks.close()
}

{
  const store = new MemoryObjectStore()
  const filling = await open({ cacheDirs: [cache], store })
  const slices = [1, 2, 3, 4]
  for (const id of slices) await filling.warm(await write(filling, id, 64 * MiB))
  await filling.close()
  const blocks = await open({ cacheDirs: [cache], store, memoryCacheSize: 0 })
  for (const pass of ['first', 'again']) {
    const end = lap()
    for (const id of slices) {
      for (let at = 0; at < 64 * MiB; at += KiB128) await blocks.read({ id, size: 64 * MiB }, at, KiB128)
    }
    report(`disk cache hit of 128 KiB, ${pass}`, end(), 'us', (ms) => (ms / 2048) * 1000)
  }
  const files = lap()
  for (let n = 0; n < 20_000; n++)
    blocks.peekFile({ id: 1 + (n & 3), size: 64 * MiB }, (n & 511) * KiB128, KiB128)!.done()
  report('peekFile of a checked 128 KiB', files(), 'ns', (ms) => (ms / 20_000) * 1e6)
  await blocks.close()
  const cold = await open({ store, memoryCacheSize: 64 * MiB })
  const readAhead = lap()
  for (let at = 0; at < 64 * MiB; at += KiB128) {
    cold.prefetch({ id: 1, size: 64 * MiB }, at, 16 * MiB)
    cold.peek({ id: 1, size: 64 * MiB }, at, KiB128) ??
      (await cold.read({ id: 1, size: 64 * MiB }, at, KiB128))
  }
  report('first read of 64 MiB with read-ahead', readAhead(), 'MiB/s', (ms) => 64_000 / ms)
  await cold.close()
}
rmSync(cache, { recursive: true })
