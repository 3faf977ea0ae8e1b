/**
 * `node bench/growth.ts redis|postgres|sqlite3 [FILES]`: what an operation costs in an empty volume and in one with many
 * files (default 1,000,000, of which 100,000 in one directory): µs of waiting, median of 2,000, and µs of this process's
 * processor, mean; and what the process holds. Both times by a client that has just opened the volume.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '#core/base/clock.ts'
import { rootContext } from '#core/base/context.ts'
import type { Ino } from '#core/base/ino.ts'
import { silentLog } from '#core/base/log.ts'
import { Metrics } from '#core/base/metrics.ts'
import { CachedEngine } from '#core/meta/cached-engine.ts'
import type { Change, MetaEngine } from '#core/meta/engine.ts'
import { makeNode } from '#core/meta/node.ts'
import { createMetaState, formatVolume, openEngine } from '#core/meta/open-meta.ts'
import { TYPE_DIRECTORY, TYPE_FILE } from '#core/meta/records.ts'
import { Session } from '#core/meta/sessions.ts'
import { SoleSession } from '#core/meta/sole-session.ts'
import { VolumeMeta } from '#core/meta/volume-meta.ts'
import { engines } from '../e2e/harness/engines.ts'

const [name = 'redis', count = '1000000'] = process.argv.slice(2)
const FILES = Number(count)
const LARGE = FILES / 10
const BATCH = 500
const ROUNDS = 2000
const root = rootContext()
const setting = {
  Name: 'growth',
  UUID: 'a1f3b6e6-6f0c-4bd0-8f4e-3d0a5f0c9d11',
  Storage: 'mem',
  Bucket: '',
  BlockSize: 4096,
  TrashDays: 0,
  MetaVersion: 1,
  DirStats: true,
  EnableACL: false,
} as const

async function open(url: string): Promise<{ meta: VolumeMeta; close(): Promise<void> }> {
  const metrics = new Metrics()
  const bare = await openEngine(url, { create: true })
  const cached = new CachedEngine(bare, { records: 100_000, clock: systemClock, log: silentLog, metrics })
  const engine: MetaEngine = name === 'sqlite3' ? bare : cached
  const options = {
    readOnly: false,
    atimeMode: 'noatime',
    skipDirMtimeMs: 0,
    heartbeatSec: 0,
    noBackgroundJobs: true,
    maxDeletes: 2,
  } as const
  const state = createMetaState({ engine, setting, options, removeSlice: async () => {}, metrics })
  const session = new Session(state, '{}')
  await session.open()
  const watch = new SoleSession(cached, systemClock, silentLog)
  if (engine === cached) await watch.start(state.sid)
  return {
    meta: new VolumeMeta(state),
    async close() {
      await watch.stop()
      await session.close()
      await state.tasks.drain()
      await engine.close()
    },
  }
}

async function directories(meta: VolumeMeta): Promise<[Ino, Ino, Ino, Ino]> {
  const make = async (name: string): Promise<Ino> =>
    (await meta.mknod(root, 1, name, { type: TYPE_DIRECTORY, mode: 0o755 })).ino
  return [await make('warm'), await make('small'), await make('large'), await make('rest')]
}

/** Nodes and edges, many a commit, as a load would make them. */
async function fill(url: string, parent: Ino, first: Ino, files: number): Promise<void> {
  const engine = await openEngine(url)
  const node = makeNode({ type: TYPE_FILE, mode: 0o644, parent }, systemClock.now())
  for (let at = 0; at < files; at += BATCH) {
    const changes: Change[] = []
    for (let k = at; k < Math.min(files, at + BATCH); k++)
      changes.push(
        { kind: 'putNode', ino: first + k, node, fresh: true },
        { kind: 'putEdge', parent, name: `file-${k}`, edge: { ino: first + k, type: TYPE_FILE } },
      )
    await engine.commit('load', [], changes)
  }
  await engine.close()
}

interface Cost {
  readonly us: number
  readonly cpuUs: number
}

async function costOf(work: (k: number) => Promise<unknown>): Promise<Cost> {
  const times: number[] = []
  const before = process.cpuUsage()
  for (let k = 0; k < ROUNDS; k++) {
    const started = performance.now()
    await work(k)
    times.push((performance.now() - started) * 1000)
  }
  const { user, system } = process.cpuUsage(before)
  return { us: times.sort((a, b) => a - b)[ROUNDS >> 1]!, cpuUs: (user + system) / ROUNDS }
}

async function measure(meta: VolumeMeta, parent: Ino): Promise<Record<string, Cost>> {
  return {
    create: await costOf((k) => meta.mknod(root, parent, `new-${k}`, { type: TYPE_FILE, mode: 0o644 })),
    lookup: await costOf((k) => meta.lookup(root, parent, `new-${k}`)),
    chmod: await costOf(async (k) => {
      const found = await meta.lookup(root, parent, `new-${k}`)
      await meta.setattr(root, found!.ino, { mode: 0o600 })
    }),
    rename: await costOf((k) => meta.rename(root, parent, `new-${k}`, parent, `moved-${k}`, 0)),
    unlink: await costOf((k) => meta.unlink(root, parent, `moved-${k}`)),
  }
}

async function list(
  meta: VolumeMeta,
  parent: Ino,
): Promise<{ readonly entries: number; readonly usEach: number }> {
  const started = performance.now()
  let entries = 0
  let after: string | undefined
  do {
    const page = await meta.readdir(root, parent, { after, limit: 1000 }, true)
    entries += page.items.length
    after = page.next
  } while (after !== undefined)
  return { entries, usEach: ((performance.now() - started) * 1000) / Math.max(1, entries) }
}

const engine = engines.find((engine) => engine.name === name)
if (engine === undefined) throw new Error(`no engine called ${name}`)
const server = await engine.start()
const folder = await mkdtemp(join(tmpdir(), 'growth-'))
try {
  const url = await server.newMeta(folder)
  const made = await openEngine(url, { create: true })
  await formatVolume(made, setting)
  await made.close()
  const first = await open(url)
  const [warm, small, large, rest] = await directories(first.meta)
  // What is filled in behind its back is not what a client with the volume to itself knows.
  await first.close()
  const measured = async (parent: Ino): Promise<Record<string, Cost>> => {
    const { meta, close } = await open(url)
    await measure(meta, warm) // until the program and the server are warm
    const costs = await measure(meta, parent)
    await close()
    return costs
  }
  const empty = await measured(small)
  await fill(url, large, 10_000_000, LARGE)
  await fill(url, rest, 20_000_000, FILES - LARGE)
  const full = await measured(large)
  console.log(`an empty volume, and ${FILES} files of which ${LARGE} in the directory:`)
  for (const [row, before] of Object.entries(empty)) console.log(compared(row, before, full[row]!))
  const { meta, close } = await open(url)
  console.log('list with attributes', await list(meta, large))
  console.log('rss MiB', Math.round(process.memoryUsage().rss / 2 ** 20))
  await close()
} finally {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
}

function compared(row: string, before: Cost, after: Cost): string {
  const pair = (a: number, b: number) => `${a.toFixed(0)} -> ${b.toFixed(0)} µs (${(b / a).toFixed(2)})`
  return `${row}: ${pair(before.us, after.us)}, processor ${pair(before.cpuUs, after.cpuUs)}`
}
