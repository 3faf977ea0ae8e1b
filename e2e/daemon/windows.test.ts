/** Windows that come and go for as long as the daemon runs: it keeps nothing of them. */
import assert from 'node:assert/strict'
import { readdir, readFile, rm } from 'node:fs/promises'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { apiUrl, createApi } from '#core/api/client.ts'
import { TestDaemon } from './test-daemon.ts'

/** The daemon writes what its heap holds, rubbish taken away, into its folder. */
process.env.NODE_OPTIONS = '--heapsnapshot-signal=SIGUSR2'

interface Snapshot {
  readonly snapshot: {
    readonly meta: { readonly node_fields: readonly string[]; readonly node_types: [string[]] }
  }
  readonly nodes: readonly number[]
}

/** Objects and functions that are reachable. */
async function objectsOf(daemon: TestDaemon): Promise<number> {
  process.kill(daemon.pid, 'SIGUSR2')
  const { snapshot, nodes } = await daemon.until(async () => {
    const name = (await readdir(daemon.folder)).find((each) => each.endsWith('.heapsnapshot'))
    if (name === undefined) return undefined
    try {
      // It is read while it is written, until it is whole.
      const read = JSON.parse(await readFile(daemon.path(name), 'utf8')) as Snapshot
      await rm(daemon.path(name))
      return read
    } catch {
      return undefined
    }
  }, 60_000)
  const { node_fields: fields, node_types: types } = snapshot.meta
  const counted = new Set(['object', 'closure'].map((type) => types[0].indexOf(type)))
  let count = 0
  for (let at = fields.indexOf('type'); at < nodes.length; at += fields.length)
    if (counted.has(nodes[at]!)) count++
  return count
}

test('windows that come and go leave nothing behind in the daemon', { timeout: 180_000 }, async (t) => {
  await using daemon = await TestDaemon.start()
  const token = await daemon.token()
  const open = async () => {
    const api = createApi({
      url: apiUrl({ protocol: 'http:', host: `127.0.0.1:${daemon.port}` }),
      token,
      WebSocket: WebSocket as unknown as typeof globalThis.WebSocket,
    })
    const { volumes, tasks, events } = api.trpc
    const heard = Promise.withResolvers<void>()
    const watches = [
      volumes.watch.subscribe(undefined, { onData: () => heard.resolve() }),
      tasks.watch.subscribe(undefined, { onData: () => {} }),
      events.watch.subscribe(undefined, { onData: () => {} }),
    ]
    await heard.promise
    for (const watch of watches) watch.unsubscribe()
    await api.close()
  }
  const windows = async (count: number) => {
    for (let n = 0; n < count; n++) await open()
    return objectsOf(daemon)
  }
  const before = await windows(50)
  const after = await windows(300)
  t.diagnostic(`${before} objects, ${after} after 300 more windows`)
  // A single object kept of each would be 300.
  assert.ok(after - before < 200, `${after - before} more objects`)
})
