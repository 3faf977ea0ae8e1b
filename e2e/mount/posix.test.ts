/**
 * Promises of POSIX and Linux on a mount (posix.py has one function each), and first on an ext4 directory, which
 * proves the expectations.
 */
import assert from 'node:assert/strict'
import { mkdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { root } from '../../scripts/runtime.mjs'
import { makeVolume, noMount, run } from '../harness/volume.ts'

const EXT4_MAGIC = 0xef53
const LEAST_CHECKS = 25
const asRoot = process.getuid?.() === 0 ? false : 'needs root: it changes owners and flags'

for (const trashDays of [0, 1]) {
  test(`a mount keeps the promises of POSIX, trash ${trashDays ? 'on' : 'off'}`, {
    skip: noMount || asRoot,
    timeout: 180_000,
  }, async (t) => {
    await using volume = await makeVolume(['--trash-days', String(trashDays), '--enable-acl'])
    const local = join(volume.folder, 'local')
    await mkdir(local)
    if ((await statfs(local)).type === EXT4_MAGIC) await checkAll(local)
    else t.diagnostic('the temporary folder is not on ext4: expectations not proven')
    await volume.mount()
    const work = join(volume.mountPoint, 'work')
    await mkdir(work)
    t.diagnostic(await checkAll(work))
  })
}

/** Every check is `ok` or skipped by name; returns what was skipped. */
async function checkAll(folder: string): Promise<string> {
  const script = join(root, 'e2e', 'mount', 'posix.py')
  const result = await run('python3', [script, folder], { timeoutMs: 80_000 })
  const lines = result.stdout.trim().split('\n')
  const bad = lines.filter((line) => !line.startsWith('ok ') && !line.startsWith('skip '))
  assert.equal(result.code, 0, `${bad.join('\n')}\n${result.stderr}`)
  const passed = lines.filter((line) => line.startsWith('ok ')).length
  assert.ok(passed >= LEAST_CHECKS, `only ${passed} checks ran`)
  return [`${passed} checks`, ...lines.filter((line) => line.startsWith('skip '))].join('; ')
}
