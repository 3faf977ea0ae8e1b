/**
 * A storm: two of our mounts, in processes of their own, and one of the reference on one volume, all changing the
 * same things at the same moment (storm.py says what and what must hold). After it both clients find the volume
 * clean, its counters and directory statistics equal to a recount. POMELO_STORM_SEED changes the run.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
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
          const told = await run('python3', args, {
            timeoutMs: 180_000,
            env: { STORM_SQL: engine.name === 'redis' ? '' : '1' },
          })
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
      await mustPomelo(['fsck', '--sync-dir-stat', first.meta])
      await mustPomelo(['fsck', '--path', '/', '--recursive', '--sync-dir-stat', first.meta])
      await reference.checks(first)
    })

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
