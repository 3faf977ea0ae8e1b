/**
 * A server's engine alone, on a private server: µs per read and per commit of the shapes operations have. What a round
 * trip costs without any work is the first row.
 *
 *   pomelo --script bench/engine.bench.ts redis|postgres|tikv [--turns N] [--listening] [--async]
 *
 * `--listening` (Redis): the server pushes changes, as it does for a mount with company; each commit's echo comes along.
 * `--async` (PostgreSQL): the server does not wait for its disk (synchronous_commit off), which leaves the engine's cost.
 */
import { parseArgs } from 'node:util'
import type { Change, Guard, MetaEngine } from '../core/meta/engine.ts'
import { makeNode } from '../core/meta/node.ts'
import { openEngine } from '../core/meta/open-meta.ts'
import type { NodeRecord } from '../core/meta/records.ts'
import { startPostgres } from '../e2e/harness/postgres.ts'
import { startRedis } from '../e2e/harness/redis.ts'
import { startTikv } from '../e2e/harness/tikv.ts'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    turns: { type: 'string', default: '2000' },
    listening: { type: 'boolean', default: false },
    async: { type: 'boolean', default: false },
  },
})
const turns = Number(options.turns)
const { engine, server } = await start(positionals[0])
if (options.listening) await engine.subscribe?.({ changed() {}, listening() {}, deaf() {} })
await engine.initialize()

const DIR = 2
const OTHER = 3
const FIRST = 1000
const time = { sec: 1_700_000_000, nsec: 5 }
const directory = makeNode({ type: 2, mode: 0o755, parent: 1 }, time)
const file = makeNode({ type: 1, mode: 0o644, parent: DIR }, time)
const written: NodeRecord = { ...file, length: 4096 }

async function start(
  name: string | undefined,
): Promise<{ engine: MetaEngine; server: { stop(): Promise<void> } }> {
  if (name === 'redis') {
    const server = await startRedis()
    return { engine: await openEngine(server.url()), server }
  }
  if (name === 'tikv') {
    const server = await startTikv()
    return { engine: await openEngine(server.url('bench')), server }
  }
  if (name !== 'postgres') throw new Error('say which engine: redis, postgres or tikv')
  const server = await startPostgres({ config: options.async ? { synchronous_commit: 'off' } : {} })
  return { engine: await openEngine(await server.createDatabase('bench')), server }
}

async function measure(name: string, work: (k: number) => Promise<unknown>): Promise<void> {
  const us = new Float64Array(turns)
  for (let k = 0; k < turns; k++) {
    const began = performance.now()
    await work(k)
    us[k] = (performance.now() - began) * 1000
  }
  const mean = us.reduce((sum, value) => sum + value, 0) / turns
  us.sort()
  const shown = [us[turns >> 1]!, us[Math.floor(turns * 0.99)]!, mean].map((value) =>
    value.toFixed(0).padStart(8),
  )
  console.log(`${name.padEnd(28)} ${shown.join(' ')}`)
}

async function commit(op: string, guards: readonly Guard[], changes: readonly Change[]): Promise<void> {
  const { ok } = await engine.commit(op, guards, changes)
  if (!ok) throw new Error(`${op}: a guard failed`)
}

const like = (ino: number): Guard => ({ kind: 'nodeLike', ino, like: directory })
const touch = (ino: number, k: number): Change => ({
  kind: 'touchNode',
  ino,
  nlink: 0,
  time: { sec: time.sec, nsec: k },
})
const count = (ino: number, sign: number): Change => ({
  kind: 'addDirStat',
  ino,
  length: 0,
  space: sign * 4096,
  inodes: sign,
})

await commit(
  'setup',
  [],
  [DIR, OTHER].flatMap((ino) => [
    { kind: 'putNode', ino, node: directory },
    { kind: 'putDirStat', ino, stat: { length: 0, space: 0, inodes: 0 } },
  ]),
)
console.log(`${'µs'.padEnd(28)} ${'median'.padStart(8)} ${'p99'.padStart(8)} ${'mean'.padStart(8)}`)
await measure('round trip', async () => engine.serverTimeMs?.())
await measure('create', (k) =>
  commit(
    'create',
    [like(DIR), { kind: 'edgeIs', parent: DIR, name: `file-${k}`, is: null }],
    [
      { kind: 'putNode', ino: FIRST + k, node: file, fresh: true },
      { kind: 'putEdge', parent: DIR, name: `file-${k}`, edge: { ino: FIRST + k, type: 1 } },
      touch(DIR, k),
      { kind: 'addUsage', space: 4096, inodes: 1 },
      count(DIR, 1),
    ],
  ),
)
await measure('read node', (k) => engine.read([{ kind: 'node', ino: FIRST + k }]))
await measure('lookup entry', (k) => engine.read([{ kind: 'entry', parent: DIR, name: `file-${k}` }]))
await measure('read node and entry', (k) =>
  engine.read([
    { kind: 'node', ino: DIR },
    { kind: 'entry', parent: DIR, name: `file-${k}` },
  ]),
)
await measure('slice commit', (k) =>
  commit(
    'write',
    [{ kind: 'nodeIs', ino: FIRST + k, is: file }],
    [
      { kind: 'appendChunk', ino: FIRST + k, index: 0, slices: new Uint8Array(24) },
      { kind: 'newSliceRef', id: k + 1, size: 4096 },
      { kind: 'putNode', ino: FIRST + k, node: written },
    ],
  ),
)
await measure('chmod', (k) =>
  commit(
    'setattr',
    [{ kind: 'nodeIs', ino: FIRST + k, is: written }],
    [{ kind: 'putNode', ino: FIRST + k, node: { ...written, mode: 0o600 } }],
  ),
)
await measure('rename to another directory', (k) =>
  commit(
    'rename',
    [
      { kind: 'edgeIs', parent: DIR, name: `file-${k}`, is: { ino: FIRST + k, type: 1 } },
      { kind: 'edgeIs', parent: OTHER, name: `file-${k}`, is: null },
      { kind: 'nodeIs', ino: FIRST + k, is: { ...written, mode: 0o600 } },
      like(DIR),
      like(OTHER),
    ],
    [
      { kind: 'delEdge', parent: DIR, name: `file-${k}` },
      { kind: 'putEdge', parent: OTHER, name: `file-${k}`, edge: { ino: FIRST + k, type: 1 } },
      { kind: 'putNode', ino: FIRST + k, node: { ...written, parent: OTHER } },
      touch(DIR, k),
      touch(OTHER, k),
      count(DIR, -1),
      count(OTHER, 1),
    ],
  ),
)
await measure('unlink', (k) =>
  commit(
    'unlink',
    [
      like(OTHER),
      { kind: 'edgeIs', parent: OTHER, name: `file-${k}`, is: { ino: FIRST + k, type: 1 } },
      { kind: 'nodeIs', ino: FIRST + k, is: { ...written, parent: OTHER } },
    ],
    [
      { kind: 'delEdge', parent: OTHER, name: `file-${k}` },
      { kind: 'putDeletedFile', file: { ino: FIRST + k, length: 4096, deleted: time.sec } },
      { kind: 'delNode', ino: FIRST + k },
      { kind: 'delXattrs', ino: FIRST + k },
      touch(OTHER, k),
      { kind: 'addUsage', space: -4096, inodes: -1 },
      count(OTHER, -1),
    ],
  ),
)
await measure('sync after a commit', async (k) => {
  await commit('touch', [], [touch(DIR, k), { kind: 'addUsage', space: 0, inodes: 0 }])
  await engine.sync()
})
await engine.close()
await server.stop()
