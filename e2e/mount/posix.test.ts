/**
 * Promises of POSIX and Linux on a mount (posix.py has one function each), and first on an ext4 directory, which
 * proves the expectations.
 */
import assert from 'node:assert/strict'
import { mkdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { root } from '../../scripts/runtime.mjs'
import { useEngines } from '../harness/engines.ts'
import { noMount, run } from '../harness/volume.ts'

const EXT4_MAGIC = 0xef53
const LEAST_CHECKS = 25
const asRoot = process.getuid?.() === 0 ? false : 'needs root: it changes owners and flags'

for (const engine of useEngines({ all: true })) {
  for (const trashDays of engine.inFull ? [0, 1] : [1]) {
    test(`a mount keeps the promises of POSIX: ${engine.name}, trash ${trashDays ? 'on' : 'off'}`, {
      skip: noMount || asRoot || engine.skip,
      timeout: 180_000,
    }, async (t) => {
      await using volume = await engine.makeVolume(['--trash-days', String(trashDays), '--enable-acl'])
      if (engine.inFull) await proveExpectations(join(volume.folder, 'local'), t)
      await volume.mount()
      const work = join(volume.mountPoint, 'work')
      await mkdir(work)
      t.diagnostic(await checkAll(work))
    })
  }
}

/** What is expected of the mount is so on ext4. */
async function proveExpectations(local: string, t: test.TestContext): Promise<void> {
  await mkdir(local)
  if ((await statfs(local)).type === EXT4_MAGIC) await checkAll(local)
  else t.diagnostic('the temporary folder is not on ext4: expectations not proven')
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
