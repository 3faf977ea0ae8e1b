/** The inspector of a mount: what was written a moment ago, here or by another client, is answered for without a scan. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { open, readdir, readFile } from 'node:fs/promises'
import { getPriority } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Gate } from '#core/base/gate.ts'
import type {
  DedupProgress,
  DuplicatesReport,
  FileMap,
  IndexStatus,
  ObjectAnswer,
  SpaceView,
} from '#core/inspect/answers.ts'
import { type ControlClient, findProcess } from '#core/volume/control-client.ts'
import { useEngines } from '../harness/engines.ts'
import { slack } from '../harness/load.ts'
import { makeVolume, mustPomelo, noMount, sh, type TestVolume } from '../harness/volume.ts'
import { compareAll, listFolder } from './compare.ts'

const FRESH_MS = 2000
/** Of what other clients change; a survey finds it (docs/decisions/inspect-index.md). */
const TELL_NOTHING: readonly string[] = ['tikv', 'etcd']

type Ask = (op: string, args: Readonly<Record<string, unknown>>) => Promise<unknown>

for (const engine of useEngines())
  test(`${engine.name}: a mount's inspector knows files of a moment ago, its own and others'`, {
    skip: noMount || engine.skip,
    timeout: 240_000,
  }, async (t) => {
    await using volume = await engine.makeVolume(['--block-size', '64K'])
    await volume.mount()
    const client = await findProcess(volume.mountPoint)
    assert.ok(client)
    const ask: Ask = (op, args) => client.call(op, args, {})
    await sh('mkdir a && echo first > a/first', { cwd: volume.mountPoint })
    const [first] = await newObjects(volume, new Set())
    assert.equal((await objectOf(ask, first!)).uses[0]?.file.paths[0], '/a/first')
    const { builtMs } = (await ask('inspectStatus', {})) as IndexStatus
    assert.ok(builtMs)

    await knows(t, ask, volume, 'own', volume)
    const other = await volume.another('-2')
    await other.mount()
    try {
      // A client that has just come is noticed before the measuring starts.
      await sleep(1000)
      const isTold = !TELL_NOTHING.includes(engine.name)
      if (isTold) await knows(t, ask, volume, 'foreign', other)
      else await doubts(ask, volume, other)
      await sh('mv a/foreign a/renamed && ln a/renamed hard && rm a/own', { cwd: other.mountPoint })
      const map = (await ask('inspectFile', { path: '/a/renamed' })) as FileMap
      if (isTold) assert.deepEqual([...map.file.paths].sort(), ['/a/renamed', '/hard'])
      const status = (await ask('inspectStatus', {})) as IndexStatus
      assert.equal(status.builtMs, builtMs, 'no scan was made for any of it')
    } finally {
      await other.unmount()
    }
    await soon(async () => ((await ask('inspectSpace', {})) as SpaceView).classes.trash > 0)
    const compared = await compareAll({
      ask,
      dump: await mustPomelo(['dump', volume.meta]),
      listing: await listFolder(join(volume.bucket, 'e2e-volume')),
      blockSize: 64 * 1024,
      isPlain: true,
    })
    t.diagnostic(JSON.stringify(compared))
    await volume.unmount()
  })

for (const engine of useEngines())
  test(`${engine.name}: a mount's duplicates are found and shared by its inspector, whose work can be paused`, {
    skip: noMount || engine.skip,
    timeout: 240_000,
  }, async () => {
    await using volume = await engine.makeVolume(['--block-size', '64K', '--trash-days', '0'])
    await volume.mount()
    const client = (await findProcess(volume.mountPoint))!
    await sh('head -c 200000 /dev/urandom | tee one > two; sync one two', { cwd: volume.mountPoint })
    const gate = new Gate()
    gate.close()
    const found = client.call('duplicates', {}, { gate })
    assert.equal(await Promise.race([found, sleep(1500, 'paused')]), 'paused')
    gate.open()
    const { report } = (await found) as { report: DuplicatesReport }
    const [group] = report.groups
    const paths = group!.slices.flatMap(({ files }) => files.map(({ paths: [path] }) => path))
    assert.deepEqual([report.groups.length, group!.size, paths.sort()], [1, 200_000, ['/one', '/two']])
    const held = await open(join(volume.mountPoint, 'two'))
    try {
      const done = (await client.call('dedup', { apply: true })) as DedupProgress
      assert.deepEqual([done.slices, done.left], [1, 0])
      // An open file goes on with the slice that it shares now.
      const { bytesRead } = await held.read(Buffer.alloc(200_000), 0, 200_000, 0)
      assert.equal(bytesRead, 200_000)
    } finally {
      await held.close()
    }
    await sh('cmp one two && rm one', { cwd: volume.mountPoint })
    await volume.unmount()
    await mustPomelo(['gc', '--delete', volume.meta])
    await mustPomelo(['fsck', volume.meta])
  })

test('the inspector of a mount comes last, and ends with the mount, however that ends', {
  skip: noMount,
  timeout: 120_000,
}, async () => {
  await using volume = await makeVolume(['--block-size', '64K'])
  const inspectorOf = async (client: ControlClient): Promise<number> => {
    const { pid } = await client.status()
    await client.call('inspectBucket', { limit: 1 })
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return Number(children.trim())
  }
  await volume.mount()
  const client = (await findProcess(volume.mountPoint))!
  const first = await inspectorOf(client)
  assert.match(await readFile(`/proc/${first}/cmdline`, 'utf8'), /^pomelo inspector/)
  for (const thread of await readdir(`/proc/${first}/task`)) {
    assert.equal(getPriority(Number(thread)), 19)
    assert.match(await sh(`ionice -p ${thread}`), /^idle/)
  }
  await client.call('inspectEnd')
  assert.equal(isRunning(first), false)
  const second = await inspectorOf(client)
  assert.notEqual(second, first)
  await volume.kill()
  await soon(async () => !isRunning(second))
})

function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`)
}

async function soon(isSo: () => Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + FRESH_MS * slack()
  while (!(await isSo())) {
    assert.ok(performance.now() < untilMs, 'not known in time')
    await sleep(100)
  }
}

/** `by` writes a file; the inspector at `volume` names it, each of its objects, in time. */
async function knows(
  t: { diagnostic(text: string): void },
  ask: Ask,
  volume: TestVolume,
  name: string,
  by: TestVolume,
): Promise<void> {
  const before = new Set((await listFolder(join(volume.bucket, 'e2e-volume'))).keys())
  await sh(`head -c 200000 /dev/urandom > a/${name}`, { cwd: by.mountPoint })
  const from = performance.now()
  const keys = await newObjects(volume, before)
  assert.equal(keys.length, 4)
  for (const key of keys) {
    const answer = await objectOf(ask, key)
    assert.equal(answer.reason, 'live', JSON.stringify(answer))
    assert.deepEqual(answer.uses[0]?.file.paths, [`/a/${name}`])
    assert.equal(answer.complete, true)
  }
  const tookMs = performance.now() - from
  // Its process has the lowest priority: beside other tests it waits for its turn.
  assert.ok(tookMs < FRESH_MS * slack(), `${tookMs} ms`)
  t.diagnostic(`${name}: ${Math.round(tookMs)} ms`)
}

/** `by` writes a file of which nothing tells the inspector: it does not say that it knows all of its objects. */
async function doubts(ask: Ask, volume: TestVolume, by: TestVolume): Promise<void> {
  const before = new Set((await listFolder(join(volume.bucket, 'e2e-volume'))).keys())
  await sh('head -c 200000 /dev/urandom > a/foreign', { cwd: by.mountPoint })
  for (const key of await newObjects(volume, before)) {
    const { reason, complete } = await objectOf(ask, key)
    assert.deepEqual({ key, reason, complete }, { key, reason: 'young', complete: false })
  }
}

async function newObjects(volume: TestVolume, before: ReadonlySet<string>): Promise<readonly string[]> {
  const now = [...(await listFolder(join(volume.bucket, 'e2e-volume'))).keys()]
  return now.filter((key) => key.startsWith('chunks/') && !before.has(key))
}

async function objectOf(ask: Ask, key: string): Promise<ObjectAnswer> {
  return (await ask('inspectObject', { key })) as ObjectAnswer
}
