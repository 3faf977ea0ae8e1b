/**
 * The mount against an ext4 directory: random system calls on both, side by side (differential.py says what).
 * POMELO_DIFF_SEEDS="4 5 6" runs other seeds, POMELO_DIFF_OPS another number of operations.
 */
import assert from 'node:assert/strict'
import { mkdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { root } from '../../scripts/runtime.mjs'
import { makeVolume, mustPomelo, noMount, run } from '../harness/volume.ts'

const EXT4_MAGIC = 0xef53
const OPERATIONS = process.env.POMELO_DIFF_OPS ?? '20000'
const SEEDS = (process.env.POMELO_DIFF_SEEDS ?? '1 2 3').split(' ')

for (const [at, seed] of SEEDS.entries()) {
  const trashDays = at % 2
  test(`${OPERATIONS} random operations agree with ext4: seed ${seed}, trash ${trashDays ? 'on' : 'off'}`, {
    skip: noMount,
    timeout: 600_000,
  }, async (t) => {
    await using volume = await makeVolume(['--trash-days', String(trashDays), '--block-size', '64K'])
    if ((await statfs(volume.folder)).type !== EXT4_MAGIC)
      return t.skip('the temporary folder is not on ext4')
    const local = join(volume.folder, 'ext4')
    await mkdir(local)
    await volume.mount(at % 2 === 0 ? ['--compaction', 'eager'] : [])
    const tested = join(volume.mountPoint, 'tested')
    await mkdir(tested)
    const script = join(root, 'e2e', 'mount', 'differential.py')
    const result = await run('python3', [script, '--seed', seed, '--ops', OPERATIONS, tested, local], {
      timeoutMs: 580_000,
    })
    assert.equal(result.code, 0, `${result.stdout.slice(-6000)}${result.stderr.slice(-2000)}\n${volume.log}`)
    t.diagnostic(result.stdout.trim())
    await volume.unmount()
    await mustPomelo(['fsck', volume.meta])
  })
}
