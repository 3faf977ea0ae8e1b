/**
 * The SQLite engine alone, without a kernel: µs per read and per commit of the shapes operations have.
 *
 *   pomelo --script bench/sqlite.bench.ts [--files N] [--dir DIR]
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Change, Guard } from '../core/meta/engine.ts'
import { openSqlite } from '../core/meta/engines/sqlite/open.ts'
import { makeNode } from '../core/meta/node.ts'

const { values: options } = parseArgs({
  options: { files: { type: 'string', default: '20000' }, dir: { type: 'string', default: tmpdir() } },
})
const files = Number(options.files)
const folder = await mkdtemp(join(options.dir, 'pomelo-bench-'))
const engine = await openSqlite(`sqlite3://${folder}/meta.db`, { create: true })
await engine.initialize()

const DIR = 2
const FIRST = 1000
const time = { sec: 1_700_000_000, nsec: 5 }
const directory = makeNode({ type: 2, mode: 0o755, parent: 1 }, time)
const file = makeNode({ type: 1, mode: 0o644, parent: DIR }, time)

/** Median, 99th percentile and mean of `work`, each turn with the event loop let through, as requests come. */
async function measure(name: string, n: number, work: (k: number) => Promise<unknown>): Promise<void> {
  const us = new Float64Array(n)
  for (let k = 0; k < n; k++) {
    const began = performance.now()
    await work(k)
    us[k] = (performance.now() - began) * 1000
    await new Promise((resolve) => setImmediate(resolve))
  }
  const mean = us.reduce((sum, value) => sum + value, 0) / n
  us.sort()
  const [median, high] = [us[n >> 1]!, us[Math.floor(n * 0.99)]!]
  console.log(
    `${name.padEnd(28)} ${median.toFixed(1).padStart(8)} ${high.toFixed(1).padStart(8)} ${mean.toFixed(1).padStart(8)}`,
  )
}

async function commit(op: string, guards: readonly Guard[], changes: readonly Change[]): Promise<void> {
  const { ok } = await engine.commit(op, guards, changes)
  if (!ok) throw new Error(`${op}: a guard failed`)
}

function create(k: number): Promise<void> {
  return commit(
    'create',
    [
      { kind: 'nodeLike', ino: DIR, like: directory },
      { kind: 'edgeIs', parent: DIR, name: `file-${k}`, is: null },
    ],
    [
      { kind: 'putNode', ino: FIRST + k, node: file },
      { kind: 'putEdge', parent: DIR, name: `file-${k}`, edge: { ino: FIRST + k, type: 1 } },
      { kind: 'touchNode', ino: DIR, nlink: 0, time: { sec: time.sec, nsec: k } },
      { kind: 'addUsage', space: 4096, inodes: 1 },
      { kind: 'addDirStat', ino: DIR, length: 0, space: 4096, inodes: 1 },
    ],
  )
}

const any = (k: number): number => (k * 7919) % files

await commit(
  'setup',
  [],
  [
    { kind: 'putNode', ino: DIR, node: directory },
    { kind: 'putDirStat', ino: DIR, stat: { length: 0, space: 0, inodes: 0 } },
  ],
)
console.log(`${'µs'.padEnd(28)} ${'median'.padStart(8)} ${'p99'.padStart(8)} ${'mean'.padStart(8)}`)
await measure('create', files, create)
await measure('read node', files, (k) => engine.read([{ kind: 'node', ino: FIRST + any(k) }]))
await measure('read entry', files, (k) =>
  engine.read([{ kind: 'entry', parent: DIR, name: `file-${any(k)}` }]),
)
await measure('read missing edge', files, (k) =>
  engine.read([{ kind: 'edge', parent: DIR, name: `none-${k}` }]),
)
await measure('list 1000 entries', 50, () => engine.list({ kind: 'entries', parent: DIR }, { limit: 1000 }))
await measure('slice commit', files, (k) =>
  commit(
    'write',
    [{ kind: 'nodeIs', ino: FIRST + k, is: file }],
    [
      { kind: 'appendChunk', ino: FIRST + k, index: 0, slices: new Uint8Array(24) },
      { kind: 'newSliceRef', id: k + 1, size: 4096 },
      { kind: 'putNode', ino: FIRST + k, node: { ...file, length: 4096 } },
    ],
  ),
)
await measure('chmod', files, (k) =>
  commit(
    'setattr',
    [{ kind: 'nodeIs', ino: FIRST + k, is: { ...file, length: 4096 } }],
    [{ kind: 'putNode', ino: FIRST + k, node: { ...file, length: 4096, mode: 0o600 } }],
  ),
)
await measure('sync after a commit', 200, async (k) => {
  await engine.commit('touch', [], [{ kind: 'touchNode', ino: FIRST + k, nlink: 0, time }])
  await engine.sync()
})
await engine.close()
await rm(folder, { recursive: true })
