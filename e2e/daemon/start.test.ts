/** `npm start`, in one command: the demo volume made, mounted, and the interface ready to be opened. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Volume } from '#core/api/volumes.ts'
import { connectDaemon } from '#core/daemon/connect.ts'
import { nodeBinary, root } from '../../scripts/runtime.mjs'
import { must, noMount, run } from '../harness/volume.ts'

const MAIN = join(root, 'core', 'cli', 'main.ts')

test('npm start ends with the interface served and the demo volume mounted; again, it finds both', {
  skip: noMount,
  timeout: 400_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ps-'))
  const mountPoint = join(folder, 'Pomelo')
  const env = {
    XDG_STATE_HOME: join(folder, 'state'),
    XDG_RUNTIME_DIR: join(folder, 'run'),
    XDG_CACHE_HOME: join(folder, 'cache'),
    XDG_DATA_HOME: join(folder, 'data'),
    POMELO_MOUNT: mountPoint,
  }
  await mkdir(env.XDG_RUNTIME_DIR, { mode: 0o700 })
  const start = async () => {
    const out = await must(nodeBinary()!, [join(root, 'scripts/start.mjs'), '--no-open', '--json'], {
      env,
      timeoutMs: 300_000,
    })
    return JSON.parse(out) as { readonly volume: Volume; readonly url: string; readonly opened: string }
  }
  try {
    const first = await start()
    assert.deepEqual(
      [first.volume.name, first.volume.status.state, first.opened],
      ['Demo', 'mounted', 'nothing'],
    )
    assert.match(await must('cat', [join(mountPoint, 'README.md')]), /Pomelo/)
    const page = await fetch(first.url.split('#')[0]!)
    assert.equal(page.status, 200)
    assert.match(await page.text(), /<script type="module"/)
    const second = await start()
    assert.deepEqual([second.volume.id, second.volume.pid], [first.volume.id, first.volume.pid])
    const api = (await connectDaemon({ socket: join(folder, 'run', 'pomelo', 'daemon.socket') }))!
    const live = await new Promise<number>((resolve, reject) => {
      const watch = api.trpc.metrics.live.subscribe(
        { id: first.volume.id },
        {
          onData: ({ atMs }) => {
            watch.unsubscribe()
            resolve(atMs)
          },
          onError: reject,
        },
      )
    })
    assert.ok(Date.now() - live < 5000)
    await api.close()
  } finally {
    await run(nodeBinary()!, [MAIN, 'volumes', 'unmount', '--force', 'Demo'], { env })
    await run(nodeBinary()!, [MAIN, 'daemon', 'stop'], { env })
    await rm(folder, { recursive: true, force: true })
  }
})
