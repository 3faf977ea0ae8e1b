/** What both clients say about a volume after crashes of a mount, or of the server of its metadata. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { UsedEngine } from '../harness/engines.ts'
import { juicefs } from '../harness/tools.ts'
import { must, mustPomelo, pomelo, type TestVolume } from '../harness/volume.ts'

/** Unmount, and nothing may be wrong; but for totals on an engine that does not keep them. */
export async function checkAfterCrash(volume: TestVolume, engine: UsedEngine, t: TestContext): Promise<void> {
  await volume.unmount()
  if (!engine.keepsTotals) await countTotalsAnew(volume.meta)
  await mustPomelo(['fsck', '--sync-dir-stat', volume.meta])
  await mustPomelo(['fsck', '--path', '/', '--recursive', '--sync-dir-stat', volume.meta])
  const tool = await juicefs()
  if (tool.path === undefined) return t.diagnostic(`the reference's fsck was not asked: ${tool.missing}`)
  // While stores stop it waits longer than we do.
  await engine.quietly(() => must(tool.path!, ['fsck', volume.meta]))
}

/** Totals may be wrong by what the last moment before each kill added up; nothing else may be. */
async function countTotalsAnew(meta: string): Promise<void> {
  const { stdout, stderr } = await pomelo(['fsck', '--json', '--sync-dir-stat', meta])
  const { problems } = JSON.parse(stdout) as { readonly problems: readonly { readonly kind: string }[] }
  assert.deepEqual(
    problems.filter(({ kind }) => kind !== 'counter'),
    [],
    stderr,
  )
  if (problems.length > 0) await mustPomelo(['fsck', '--repair', meta])
}
