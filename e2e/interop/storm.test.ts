/**
 * A storm: two of our mounts, in processes of their own, and one of the reference on one volume, all changing the
 * same things at the same moment (storm.py says what and what must hold). After it both clients find the volume
 * clean and its counters equal to a recount. On SQL the reference's rename reads the moved file without a
 * lock (meta-sql-and-tkv.md A7), so that bytes written meanwhile are counted in the directory the file came from: there,
 * bytes may stand in another directory's statistics, but none may be too many or missing in all. POMELO_STORM_SEED changes the run.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { nodeBinary, root } from '../../scripts/runtime.mjs'
import { isLong, useEngines } from '../harness/engines.ts'
import { Reference } from '../harness/reference.ts'
import { mustPomelo, noMount, run, type TestVolume } from '../harness/volume.ts'

const SEED = process.env.POMELO_STORM_SEED ?? '1'
const PHASES = ['names', 'exclusive', 'crossing', 'counter', 'chunks']
const SCRIPT = join(root, 'e2e', 'interop', 'storm.py')
const MAIN = join(root, 'core', 'cli', 'main.ts')
const FRESH = ['--attr-cache', '0', '--entry-cache', '0', '--dir-entry-cache', '0']
/** Clones of the file whose chunks are being rewritten, by our tool through our mount. */
const CLONES = 4

for (const engine of useEngines())
  if (isLong || engine.name !== 'sqlite3')
    test(`three mounts in a storm lose nothing: ${engine.name}, seed ${SEED}`, {
      skip: noMount || engine.skip,
      timeout: 300_000,
    }, async (t) => {
      const reference = await Reference.find()
      if (typeof reference === 'string') return t.skip(reference)
      await using first = await engine.makeVolume(['--trash-days', '0', '--block-size', '64K'])
      await using second = await first.another('-2')
      await first.mount(['--compaction', 'eager'])
      await second.mount(['--compaction', 'eager'])
      {
        await using theirs = await reference.mount(first, FRESH)
        const mounts = [first.mountPoint, second.mountPoint, theirs.mountPoint]
        for (const phase of PHASES) {
          const clones = phase === 'chunks' ? cloneAgainAndAgain(second) : undefined
          const args = [SCRIPT, phase, SEED, '2', ...mounts]
          const told = await run('python3', args, { timeoutMs: 180_000 })
          const cloned = await clones
          assert.equal(
            told.code,
            0,
            `${phase}: ${told.stdout}${told.stderr.slice(-4000)}\n${first.log}\n${second.log}`,
          )
          t.diagnostic(`${phase}: ${told.stdout.trim().replaceAll('\n', ', ')}`)
          if (cloned !== undefined) t.diagnostic(`${cloned} clones of a file that was being rewritten`)
        }
      }
      await second.unmount()
      await first.unmount()
      await settleStatistics(first, t)
      await mustPomelo(['fsck', '--sync-dir-stat', first.meta])
      await mustPomelo(['fsck', '--path', '/', '--recursive', '--sync-dir-stat', first.meta])
      await reference.checks(first)
    })

const OFF =
  /^inode \d+: directory statistics (\d+) entries, (\d+) bytes, \d+ in use, should be (\d+) entries, (\d+) bytes/

/** On SQL: bytes may have been counted in another directory, and are put right. Everything else must be exact. */
async function settleStatistics({ meta }: TestVolume, t: TestContext): Promise<void> {
  if (meta.startsWith('redis')) return
  const { code, stdout, stderr } = await run(nodeBinary()!, [MAIN, 'fsck', '--sync-dir-stat', meta])
  if (code === 0) return
  const said = stdout + stderr
  const lines = said.split('\n').filter((line) => line.startsWith('inode '))
  assert.ok(lines.length > 0, said)
  let bytes = 0
  for (const line of lines) {
    const [, entries, held, wanted, should] = (OFF.exec(line) ?? assert.fail(said)).map(Number)
    assert.equal(entries, wanted, said)
    bytes += held! - should!
  }
  assert.equal(bytes, 0, said)
  t.diagnostic(`bytes of moved files counted where they were written: ${lines.join('; ')}`)
  await run(nodeBinary()!, [MAIN, 'fsck', '--sync-dir-stat', '--repair', meta])
}

/** What is cloned is looked at in the end: each page is one that was written. */
async function cloneAgainAndAgain({ mountPoint }: TestVolume): Promise<number> {
  const source = join(mountPoint, 'chunks', 'source')
  let done = 0
  for (let k = 0; k < CLONES; k++) {
    const args = [MAIN, 'clone', source, join(mountPoint, 'chunks', `clone-${k}`)]
    // It may not be there yet.
    if ((await run(nodeBinary()!, args)).code === 0) done++
  }
  return done
}
