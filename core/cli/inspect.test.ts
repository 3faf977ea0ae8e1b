/** `pomelo inspect …` on a volume in a temporary folder, run in this process. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Ended, runMain } from './test-run.ts'

async function must(...args: string[]): Promise<Ended> {
  const ended = await runMain(args)
  assert.equal(ended.code, 0, `${args.join(' ')}: ${ended.stderr}`)
  return ended
}

test('inspect answers in text and JSON, and its exit code tells of what is missing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pomelo-inspect-'))
  try {
    const meta = `sqlite3://${join(folder, 'meta.db')}`
    const bucket = join(folder, 'bucket')
    await must('format', meta, 'test-volume', '--bucket', bucket, '--block-size', '64K')
    await writeFile(join(folder, 'file'), Buffer.alloc(100_000, 1))
    await must('mkdir', `${meta}:/d`)
    await must('cp', join(folder, 'file'), `${meta}:/d/file`)
    const cache = ['--cache-dir', join(folder, 'cache')]
    const inspect = (name: string, ...args: string[]) => runMain(['inspect', name, ...cache, ...args])

    const key = 'chunks/0/0/1_1_34464'
    const text = await inspect('object', meta, `test-volume/${key}`)
    assert.match(
      text.stdout,
      /block 1 of slice 1[\s\S]*part of a file[\s\S]*\/d\/file\s+live\s+0\s+65536-99999/,
    )
    const { reason, uses } = JSON.parse((await inspect('object', '--json', meta, key)).stdout)
    assert.deepEqual([reason, uses[0].ranges], ['live', [{ start: 65_536, end: 100_000 }]])

    const file = await inspect('file', '--probe', `${meta}:/d/file`)
    assert.match(file.stdout, /chunks\/0\/0\/1_1_34464\s+34464\s+store\s+all/)
    assert.match(file.stdout, /2 requests for 97\.7 KiB cold/)

    const space = JSON.parse((await inspect('space', '--json', `${meta}:/d`)).stdout)
    assert.deepEqual([space.classes.live, space.bytes], [100_000, 100_036])
    assert.deepEqual(
      space.folder.entries.map(({ path, live }: { path: string; live: number }) => [path, live]),
      [['/d/file', 100_000]],
    )
    assert.match((await inspect('space', '--last', meta)).stdout, /live\s+97\.7 KiB[\s\S]*d\//)

    assert.equal((await inspect('health', meta)).code, 0)
    await rm(join(bucket, 'test-volume', key))
    const health = await inspect('health', meta)
    assert.equal(health.code, 1)
    assert.match(health.stdout, /\/d\/file: 33\.7 KiB cannot be read \(1 missing\)\n {2}bytes 65536 to 99999/)
    assert.equal((await inspect('object', meta, key)).code, 1)
    assert.equal((await inspect('file', '--probe', `${meta}:/d/file`)).code, 1)
    const nothing = await inspect('file', `${meta}:/none`)
    assert.match(nothing.stderr, /no such file/)
    assert.match((await inspect('cached', meta)).stdout, /^0 blocks/)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
