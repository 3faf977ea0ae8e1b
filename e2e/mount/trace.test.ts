/** The live trace of a mount: what it tells of reads that the cache, and that the store answers. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import test from 'node:test'
import type { ShownOperation } from '#core/base/shown-trace.ts'
import { nodeBinary, root } from '../../scripts/runtime.mjs'
import { makeVolume, noMount, sh } from '../harness/volume.ts'

test('pomelo trace names who reads what, and the object that the read waits for', {
  skip: noMount,
  timeout: 180_000,
}, async () => {
  await using volume = await makeVolume()
  await volume.mount()
  const at = { cwd: volume.mountPoint }
  await sh('mkdir dir; for name in cold other; do head -c 300000 /dev/urandom > dir/$name; done', at)
  await volume.unmount()
  await volume.mount(['--cache-size', '0', '--buffer-size', '32'])

  const place = join(volume.mountPoint, 'dir')
  const args = [join(root, 'core/cli/main.ts'), 'trace', place, '--op', 'read', '--json']
  const tracer = spawn(nodeBinary()!, args, { stdio: ['ignore', 'pipe', 'inherit'], timeout: 120_000 })
  const ended = once(tracer, 'close')
  const seen: ShownOperation[] = []
  createInterface({ input: tracer.stdout }).on('line', (line) => seen.push(JSON.parse(line)))
  const read = (file: string): Promise<string> =>
    sh(`dd if=dir/${file} of=/dev/null iflag=direct bs=4k count=1 skip=3 status=none`, at)
  // It watches from some moment on.
  for (let tries = 0; seen.length === 0 && tries < 100; tries++) {
    await read('other')
    await sh('sleep 0.1')
  }
  await read('cold')
  const ofCold = () => seen.find(({ path }) => path === '/dir/cold')
  for (let tries = 0; ofCold() === undefined && tries < 100; tries++) await sh('sleep 0.1')
  tracer.kill('SIGINT')
  assert.deepEqual(await ended, [0, null])

  const { op, program, error, offset, bytes, ms, requests } = ofCold()!
  assert.deepEqual([op, program, error, offset, bytes], ['read', 'dd', null, 12_288, 4096])
  assert.equal(requests.length, 1)
  const [request] = requests
  assert.deepEqual([request!.by, request!.bytes], ['store', 4096])
  assert.match(request!.key, /^chunks\/0\/0\/\d+_0_300000$/)
  assert.ok(request!.ms > 0 && request!.ms <= ms, `${request!.ms} of ${ms} ms`)
})
