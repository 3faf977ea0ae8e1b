/**
 * fsx: random reads, writes, mmaps, truncates, hole punches, allocations and copies of one file, each read
 * verified. Three seeds of 200,000 operations; between them trash is on and off and compaction is forced
 * after every few slices. POMELO_FSX_OPS changes the number of operations.
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { crateProgram } from '../harness/tools.ts'
import { makeVolume, mustPomelo, noMount, run } from '../harness/volume.ts'

const OPERATIONS = Number(process.env.POMELO_FSX_OPS ?? 200_000)

const CONFIG = `
flen = 1048576

[opsize]
max = 65536

[weights]
close_open = 1
invalidate = 1
mapread = 4
mapwrite = 4
read = 10
write = 10
truncate = 3
fsync = 0.2
fdatasync = 0.2
posix_fallocate = 1
punch_hole = 2
sendfile = 1
posix_fadvise = 1
copy_file_range = 3
`

const runs = [
  { seed: 1, trashDays: 1, forceCompaction: false },
  { seed: 2, trashDays: 0, forceCompaction: true },
  { seed: 3, trashDays: 1, forceCompaction: true },
]

for (const { seed, trashDays, forceCompaction } of runs) {
  const name = `fsx runs ${OPERATIONS} operations: seed ${seed}, trash ${trashDays > 0 ? 'on' : 'off'}${forceCompaction ? ', compaction forced' : ''}`
  test(name, { skip: noMount, timeout: 600_000 }, async (t) => {
    const tool = await crateProgram('fsx', '0.3.2')
    if (tool.path === undefined) return t.skip(tool.missing)
    await using volume = await makeVolume(['--trash-days', String(trashDays), '--block-size', '64K'])
    await volume.mount(forceCompaction ? ['--compaction', 'eager'] : [])
    const config = join(volume.folder, 'fsx.toml')
    await writeFile(config, CONFIG)
    const started = performance.now()
    const file = join(volume.mountPoint, 'fsx')
    const result = await run(
      tool.path,
      ['-q', '-f', config, '-S', String(seed), '-N', String(OPERATIONS), '-P', volume.folder, file],
      { timeoutMs: 590_000 },
    )
    assert.equal(
      result.code,
      0,
      `${result.stdout.slice(-4000)}\n${result.stderr.slice(-2000)}\n${volume.log}`,
    )
    t.diagnostic(`${Math.round((performance.now() - started) / 1000)} s`)
    await volume.unmount()
    await mustPomelo(['fsck', volume.meta])
  })
}
