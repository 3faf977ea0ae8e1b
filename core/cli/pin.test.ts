/** `pomelo pin` on a volume in a temporary folder, run in this process. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runMain } from './test-run.ts'

test('what is pinned is fetched, listed, not dropped, and let go by its path', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pomelo-pin-'))
  try {
    const meta = `sqlite3://${join(folder, 'meta.db')}`
    const cache = ['--cache-dir', join(folder, 'cache')]
    const must = async (...args: string[]) => {
      const ended = await runMain(args)
      assert.equal(ended.code, 0, `${args.join(' ')}: ${ended.stderr}`)
      return ended
    }
    await must('format', meta, 'test-volume', '--bucket', join(folder, 'bucket'), '--block-size', '64K')
    await writeFile(join(folder, 'file'), Buffer.alloc(100_000, 1))
    await must('mkdir', `${meta}:/d`, `${meta}:/e`)
    for (const at of ['d', 'e']) await must('cp', join(folder, 'file'), `${meta}:/${at}/file`)
    const cached = async () =>
      JSON.parse((await must('warmup', '--check', '--json', ...cache, `${meta}:/`)).stdout)[0].places

    const pinned = await must('pin', ...cache, `${meta}:/d`, `${meta}:/e/file`)
    assert.match(pinned.stdout, /1 {2}97\.7 KiB {2}100 % {2}\/d\n[ ]+1 {2}97\.7 KiB {2}100 % {2}\/e\/file\n/)
    assert.deepEqual(await cached(), { disk: 200_000 })

    const listed = JSON.parse((await must('pin', '--list', '--json', ...cache, meta)).stdout)
    assert.deepEqual(
      listed.map(({ path, type }: { path: string; type: string }) => [path, type]),
      [
        ['/d', 'directory'],
        ['/e/file', 'file'],
      ],
    )

    // A process that has not looked at the pins yet drops none of them.
    const dropped = await must('warmup', '--evict', ...cache, `${meta}:/`)
    assert.match(dropped.stderr, /195 KiB are pinned and stay/)
    assert.deepEqual(await cached(), { disk: 200_000 })

    await must('pin', '--remove', ...cache, `${meta}:/e/file`)
    const again = await runMain(['pin', '--remove', ...cache, `${meta}:/e/file`, `${meta}:/d`])
    assert.equal(again.code, 1)
    assert.match(again.stderr, /\/e\/file is not pinned/)
    assert.match((await must('pin', '--list', ...cache, meta)).stdout, /^nothing is pinned/)
    await must('warmup', '--evict', ...cache, `${meta}:/`)
    assert.deepEqual(await cached(), { store: 200_000 })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('pinning needs a cache and one purpose', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pomelo-pin-'))
  try {
    const meta = `sqlite3://${join(folder, 'meta.db')}`
    assert.equal((await runMain(['format', meta, 'test-volume', '--bucket', join(folder, 'bucket')])).code, 0)
    const without = await runMain(['pin', `${meta}:/`])
    assert.equal(without.code, 1)
    assert.match(without.stderr, /no cache to work on/)
    assert.equal((await runMain(['pin', '--list', '--remove', meta])).code, 2)
    assert.equal((await runMain(['pin'])).code, 2)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
