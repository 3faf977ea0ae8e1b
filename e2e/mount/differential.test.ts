/**
 * The mount against an ext4 directory: random system calls on both, side by side (differential.py says what).
 * POMELO_DIFF_SEEDS="4 5 6" runs other seeds, POMELO_DIFF_OPS another number of operations.
 */
import assert from 'node:assert/strict'
import { mkdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { root } from '../../scripts/runtime.mjs'
import { type UsedEngine, useEngines } from '../harness/engines.ts'
import { mustPomelo, noMount, run } from '../harness/volume.ts'

const EXT4_MAGIC = 0xef53

for (const engine of useEngines()) {
  const operations = process.env.POMELO_DIFF_OPS ?? (engine.inFull ? '20000' : '4000')
  const seeds = (process.env.POMELO_DIFF_SEEDS ?? (engine.inFull ? '1 2 3' : '4 5')).split(' ')
  for (const [at, seed] of seeds.entries()) agree(engine, operations, seed, at % 2, at % 2 === 0)
}

function agree(
  engine: UsedEngine,
  operations: string,
  seed: string,
  trashDays: number,
  forceCompaction: boolean,
): void {
  const title = `seed ${seed}, ${engine.name}, trash ${trashDays ? 'on' : 'off'}`
  test(`${operations} random operations agree with ext4: ${title}`, {
    skip: noMount || engine.skip,
    timeout: 600_000,
  }, async (t) => {
    await using volume = await engine.makeVolume(['--trash-days', String(trashDays), '--block-size', '64K'])
    if ((await statfs(volume.folder)).type !== EXT4_MAGIC)
      return t.skip('the temporary folder is not on ext4')
    const local = join(volume.folder, 'ext4')
    await mkdir(local)
    await volume.mount(forceCompaction ? ['--compaction', 'eager'] : [])
    const tested = join(volume.mountPoint, 'tested')
    await mkdir(tested)
    const script = join(root, 'e2e', 'mount', 'differential.py')
    const flags = engine.name === 'tikv' ? ['--no-empty-xattrs'] : []
    const args = [script, '--seed', seed, '--ops', operations, ...flags, tested, local]
    const result = await run('python3', args, { timeoutMs: 580_000 })
    assert.equal(
      result.code,
      0,
      `${result.stdout.slice(0, 3000)}\n…\n${result.stdout.slice(-3000)}${result.stderr.slice(-2000)}\n${volume.log}`,
    )
    t.diagnostic(result.stdout.trim())
    await volume.unmount()
    await mustPomelo(['fsck', volume.meta])
  })
}
