/** The last step of an unmount: the connection of a process that does nothing is cut, and who waits is answered. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { nodeBinary } from '../../scripts/runtime.mjs'
import { noMount, run } from '../harness/volume.ts'

const CHILD = fileURLToPath(new URL('./abort-child.ts', import.meta.url))
const CONNECTIONS = '/sys/fs/fuse/connections'

/** In a namespace of its own, so that nothing is mounted on this machine for it. */
function apart(...command: readonly string[]) {
  const script = `mountpoint -q ${CONNECTIONS} || mount -t fusectl none ${CONNECTIONS} || exit 77; exec "$@"`
  const words = ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', ...command]
  return run('unshare', words, { timeoutMs: 120_000 })
}

const obstacle =
  noMount || ((await apart('true')).code === 0 ? false : 'no right to mount fusectl in a namespace')

test('a stopped process has its connection cut, which answers who waits while it is stopped yet', {
  skip: obstacle,
  timeout: 150_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pa-'))
  try {
    const { code, stdout, stderr } = await apart(nodeBinary()!, CHILD, folder)
    assert.equal(code, 0, stderr)
    const { waiting, reading, gone } = JSON.parse(stdout)
    assert.ok(waiting >= 1, `${waiting} requests waited`)
    assert.equal(reading, 1)
    assert.equal(gone, false)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
