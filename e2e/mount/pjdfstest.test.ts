/**
 * POSIX suites on a real mount. The `pjdfstest` crate runs where cargo can build it; the classic C suite runs
 * when POMELO_PJDFSTEST names a built checkout of it (it is in no package registry).
 */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { useEngines } from '../harness/engines.ts'
import { distroProgram, pjdfstest } from '../harness/tools.ts'
import { makeVolume, mustPomelo, noMount, run } from '../harness/volume.ts'

const asRoot = process.getuid?.() === 0 ? false : 'needs root: it acts as several users'

for (const engine of useEngines())
  test(`the pjdfstest crate passes whole: ${engine.name}`, {
    skip: noMount || asRoot || engine.skip,
    timeout: 600_000,
  }, async (t) => {
    const tool = await pjdfstest()
    if (tool.path === undefined) return t.skip(tool.missing)
    await using volume = await engine.makeVolume(['--trash-days', '0'])
    await volume.mount()
    const config = join(volume.folder, 'pjdfstest.toml')
    await writeFile(config, CRATE_CONFIG)
    const work = join(volume.mountPoint, 'pjd')
    await mkdir(work, { mode: 0o755 })
    const result = await run(tool.path, ['-c', config, '-p', work], { timeoutMs: 540_000 })
    const counts =
      /(\d+) total.*?(\d+) skipped.*?(\d+) succeeded.*?(\d+) failed|Tests: (\d+) failed, (\d+) skipped, (\d+) passed/s.exec(
        result.stdout,
      )
    t.diagnostic(counts?.[0] ?? result.stdout.slice(-300))
    assert.equal(
      result.code,
      0,
      result.stdout
        .split('\n')
        .filter((line) => /fail/i.test(line))
        .slice(0, 60)
        .join('\n'),
    )
    await volume.unmount()
    await mustPomelo(['fsck', '--sync-dir-stat', volume.meta])
  })

/** Features of Linux file systems that the crate asks about, and the two users it plays. */
const CRATE_CONFIG = `
[features]
posix_fallocate = {}
rename_ctime = {}
utimensat = {}
utime_now = {}

[settings]
naptime = 0.01
allow_remount = false

[dummy_auth]
entries = [["nobody", "nogroup"], ["daemon", "daemon"]]
`

test('the classic pjdfstest suite passes whole', { skip: noMount || asRoot, timeout: 600_000 }, async (t) => {
  const suite = process.env.POMELO_PJDFSTEST
  if (suite === undefined) return t.skip('POMELO_PJDFSTEST does not name a built checkout of pjd/pjdfstest')
  const prove = await distroProgram('prove', 'perl')
  if (prove.path === undefined) return t.skip(prove.missing)
  await using volume = await makeVolume(['--trash-days', '0'])
  await volume.mount()
  const work = join(volume.mountPoint, 'pjd')
  await mkdir(work, { mode: 0o755 })
  const result = await run(prove.path, ['-rQ', join(suite, 'tests')], { cwd: work, timeoutMs: 590_000 })
  t.diagnostic(/Files=.*/.exec(result.stdout)?.[0] ?? 'no summary')
  assert.equal(result.code, 0, result.stdout.slice(-5000))
})
