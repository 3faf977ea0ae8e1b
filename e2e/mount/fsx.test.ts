/**
 * fsx: random reads, writes, mmaps, truncates, hole punches, allocations and copies of one file, each read
 * verified. Three seeds of 200,000 operations side by side (one of 10,000 where an engine is not tested in full);
 * between them trash is on and off and compaction is forced after every few slices. No batch starts after 75 s
 * but in a long run; what was done is printed. POMELO_FSX_OPS changes the number.
 *
 * What is tested are bytes, not disks: the volume lies in memory where that is possible, mapped writes are left to
 * the kernel to write back (`nomsyncafterwrite`), and operations that flush the file (fsync, truncate, allocate,
 * punch, copy) are a tenth of all, so that most of the time goes into many slices over one another.
 */
import assert from 'node:assert/strict'
import { accessSync, constants } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { isLong, type UsedEngine, useEngines } from '../harness/engines.ts'
import * as tools from '../harness/tools.ts'
import { mustPomelo, noMount, run } from '../harness/volume.ts'

/** fsx runs this many at a time, so that a slow machine does fewer of them rather than none to the end. */
const BATCH = 10_000
const TIME_LIMIT_MS = isLong ? 3_000_000 : 75_000

const CONFIG = `
flen = 262144
nomsyncafterwrite = true

[opsize]
max = 65536

[weights]
close_open = 0.4
invalidate = 1
mapread = 10
mapwrite = 4
read = 12
write = 8
truncate = 0.7
fsync = 0.1
fdatasync = 0.1
posix_fallocate = 0.4
punch_hole = 0.7
sendfile = 1
posix_fadvise = 0.5
copy_file_range = 1
`

const runs = [
  { seed: 1, trashDays: 1, forceCompaction: false },
  { seed: 2, trashDays: 0, forceCompaction: true },
  { seed: 3, trashDays: 1, forceCompaction: true },
]

useMemoryDisk()

for (const engine of useEngines())
  suite(`fsx, ${engine.name}`, { concurrency: true, skip: noMount || engine.skip }, () => {
    for (const wish of engine.inFull ? runs : runs.slice(1, 2)) fsx(engine, wish)
  })

function fsx(engine: UsedEngine, { seed, trashDays, forceCompaction }: (typeof runs)[number]): void {
  const operations = Number(process.env.POMELO_FSX_OPS ?? (engine.inFull ? 200_000 : 10_000))
  const name = `fsx finds every byte of ${operations} operations: seed ${seed}, ${engine.name}, trash ${trashDays > 0 ? 'on' : 'off'}${forceCompaction ? ', compaction forced' : ''}`
  test(name, { timeout: TIME_LIMIT_MS + 250_000 }, async (t) => {
    const tool = await tools.fsx()
    if (tool.path === undefined) return t.skip(tool.missing)
    await using volume = await engine.makeVolume(['--trash-days', String(trashDays), '--block-size', '64K'])
    await volume.mount(forceCompaction ? ['--compaction', 'eager'] : [])
    const config = join(volume.folder, 'fsx.toml')
    await writeFile(config, CONFIG)
    const started = performance.now()
    let done = 0
    for (let batch = 0; done < operations && performance.now() - started < TIME_LIMIT_MS; batch++) {
      const count = Math.min(BATCH, operations - done)
      const file = join(volume.mountPoint, `fsx-${batch}`)
      const seeded = ['-S', String(seed * 1000 + batch), '-N', String(count), '-P', volume.folder]
      const result = await run(tool.path, ['-q', '-f', config, ...seeded, file], { timeoutMs: 150_000 })
      const told = `${seeded.join(' ')}\n${result.stdout.slice(-4000)}\n${result.stderr.slice(-2000)}`
      assert.equal(result.code, 0, `${told}\n${volume.log}`)
      done += count
    }
    const seconds = (performance.now() - started) / 1000
    t.diagnostic(
      `seed ${seed}: ${done} operations, ${Math.round(seconds)} s, ${Math.round(done / seconds)}/s`,
    )
    await volume.unmount()
    await mustPomelo(['fsck', volume.meta])
    await mustPomelo(['fsck', '--path', '/', '--recursive', '--sync-dir-stat', volume.meta])
  })
}

function useMemoryDisk(): void {
  try {
    accessSync('/dev/shm', constants.W_OK | constants.X_OK)
    process.env.TMPDIR = '/dev/shm'
  } catch {
    // The ordinary temporary folder then.
  }
}
