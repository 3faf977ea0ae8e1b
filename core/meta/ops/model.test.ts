/**
 * Random operations on a volume and on a model of one: the same answers, the same tree, and accounts that agree
 * with a recount. A failure prints its seed and the shortest list of operations that still fails.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { ENOENT, errnoName, FsError, fail } from '#core/base/errno.ts'
import { below, type Random, seededRandom } from '#core/base/random.ts'
import { RENAME_EXCHANGE, RENAME_NOREPLACE } from '../api.ts'
import { TYPE_DIRECTORY, TYPE_FILE } from '../records.ts'
import { problemsOf } from '../test-invariants.ts'
import { openTestVolume, plainUser, type TestClient } from '../test-volume.ts'
import type { VolumeMeta } from '../volume-meta.ts'
import { Model } from './test-model.ts'

const root = rootContext()

type Step =
  | { op: 'mkdir' | 'mknod' | 'unlink' | 'rmdir' | 'removeTree'; a: string }
  | { op: 'link' | 'clone'; a: string; b: string }
  | { op: 'rename'; a: string; b: string; flags: number }
  | { op: 'truncate'; a: string; length: number }
  | { op: 'quota'; a: string }
  | { op: 'chown'; a: string; uid: number }
  | { op: 'open' | 'close'; a: string }

const OPS: readonly Step['op'][] = [
  ...(['mkdir', 'mkdir', 'mkdir', 'mknod', 'mknod', 'mknod', 'unlink', 'rmdir', 'link', 'link'] as const),
  ...(['rename', 'rename', 'rename', 'rename', 'truncate', 'truncate', 'clone', 'removeTree'] as const),
  ...(['quota', 'quota', 'chown', 'open', 'open', 'open', 'close', 'close'] as const),
]

/** Steps that mostly mean something: a model runs along, and paths are often those that exist. */
function randomSteps(random: Random, count: number): Step[] {
  const model = new Model()
  const steps: Step[] = []
  while (steps.length < count) {
    const step = randomStep(random, model)
    expected(model, step)
    steps.push(step)
  }
  return steps
}

function randomStep(random: Random, model: Model): Step {
  const name = () => ['a', 'b', 'c', 'd'][below(random, 4)]!
  const { dirs, files } = model.paths()
  const pick = (paths: readonly string[]) => paths[below(random, paths.length)] ?? name()
  const fresh = () => [pick(['', ...dirs]), name()].filter((part) => part !== '').join('/')
  const any = () => (below(random, 4) === 0 ? fresh() : pick([...dirs, ...files]))
  const op = OPS[below(random, OPS.length)]!
  switch (op) {
    case 'mkdir':
    case 'mknod':
      return { op, a: fresh() }
    case 'link':
      return { op, a: below(random, 8) === 0 ? any() : pick(files), b: fresh() }
    case 'clone':
      return { op, a: any(), b: fresh() }
    case 'rename': {
      const flags = [0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE][below(random, 4)]!
      return { op, a: any(), b: below(random, 2) === 0 ? any() : fresh(), flags }
    }
    case 'truncate':
      return { op, a: pick(files), length: below(random, 20_000) }
    case 'chown':
      return { op, a: any(), uid: below(random, 3) }
    case 'quota':
      return { op, a: pick(['', ...dirs]) }
    case 'open':
    case 'unlink':
      return { op, a: below(random, 8) === 0 ? any() : pick(files) }
    case 'rmdir':
      return { op, a: below(random, 8) === 0 ? any() : pick(dirs) }
    default:
      return { op, a: any() }
  }
}

/** What a kernel does: from a path to the numbers that operations take. */
class Walker {
  readonly meta: VolumeMeta
  constructor(meta: VolumeMeta) {
    this.meta = meta
  }

  async find(path: string): Promise<number> {
    let ino = 1
    for (const name of path === '' ? [] : path.split('/')) {
      const found = await this.meta.lookup(root, ino, name)
      // A number no node has: whatever is done below it is ENOENT.
      if (found === undefined) return 999_999
      ino = found.ino
    }
    return ino
  }

  /** As a kernel resolves a path before it asks for anything. */
  async existing(path: string): Promise<number> {
    const ino = await this.find(path)
    if (ino === 999_999) throw fail(ENOENT, 'path')
    return ino
  }

  async place(path: string): Promise<[number, string]> {
    const cut = path.lastIndexOf('/')
    return [await this.find(cut < 0 ? '' : path.slice(0, cut)), path.slice(cut + 1)]
  }
}

async function apply(volume: TestClient, opened: number[], step: Step): Promise<unknown> {
  const { meta } = volume
  const walker = new Walker(meta)
  const [parent, name] = await walker.place(step.a)
  switch (step.op) {
    case 'mkdir':
      return meta.mknod(root, parent, name, { type: TYPE_DIRECTORY, mode: 0o755 })
    case 'mknod':
      return meta.mknod(plainUser(1, 2), parent, name, { type: TYPE_FILE, mode: 0o644 })
    case 'unlink':
      return meta.unlink(root, parent, name)
    case 'rmdir':
      return meta.rmdir(root, parent, name)
    case 'removeTree':
      return meta.removeTree(root, parent, name, {})
    case 'link':
      return meta.link(root, await walker.existing(step.a), ...(await walker.place(step.b)))
    case 'clone':
      return meta.clone(root, await walker.existing(step.a), ...(await walker.place(step.b)), {
        preserve: false,
      })
    case 'rename':
      return meta.rename(root, parent, name, ...(await walker.place(step.b)), step.flags)
    case 'truncate':
      return meta.truncate(root, await walker.find(step.a), step.length, true)
    case 'quota':
      return setQuota(volume, await walker.find(step.a))
    case 'chown':
      return meta.setattr(root, await walker.find(step.a), { uid: step.uid }).catch(() => undefined)
    case 'open': {
      const ino = await walker.find(step.a)
      await meta.open(root, ino, 0).then(
        () => opened.push(ino),
        () => undefined,
      )
      return
    }
    case 'close': {
      const ino = opened.shift()
      return ino === undefined ? undefined : meta.close(ino)
    }
    default:
      return step satisfies never
  }
}

/** A quota with the usage it has now, and no limit. */
async function setQuota({ meta, engine, state }: TestClient, ino: number): Promise<void> {
  const node = await meta.getattr(root, ino).catch(() => undefined)
  if (node?.type !== TYPE_DIRECTORY) return
  const { space, files, dirs } = await meta.summary(root, ino, { recursive: true, strict: true })
  const quota = { maxSpace: -1, maxInodes: -1, usedSpace: space - 4096, usedInodes: files + dirs - 1 }
  await engine.commit('test', [], [{ kind: 'putQuota', of: 'dir', id: ino, quota }])
  await state.accounts.reload()
}

function expected(model: Model, step: Step): string | undefined {
  switch (step.op) {
    case 'mkdir':
      return model.make(step.a, true)
    case 'mknod':
      return model.make(step.a, false)
    case 'unlink':
      return model.unlink(step.a)
    case 'rmdir':
      return model.rmdir(step.a)
    case 'removeTree':
      return model.removeTree(step.a)
    case 'link':
      return model.link(step.a, step.b)
    case 'clone':
      return model.clone(step.a, step.b)
    case 'rename':
      return model.rename(step.a, step.b, step.flags)
    case 'truncate':
      return model.truncate(step.a, step.length)
    default:
      return 'ok'
  }
}

async function answer(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'ok'
  } catch (error) {
    if (error instanceof FsError) return errnoName(error.errno)
    throw error
  }
}

async function linesOf(meta: VolumeMeta): Promise<string[]> {
  const out: string[] = []
  const numbers = new Map<number, number>()
  const walk = async (dir: number, path: string): Promise<void> => {
    const { items } = await meta.readdir(root, dir, { limit: 1000 }, true)
    for (const { name, ino, node } of items) {
      const here = `${path}/${name}`
      if (!numbers.has(ino)) numbers.set(ino, numbers.size)
      const isDir = node!.type === TYPE_DIRECTORY
      const length = isDir ? 0 : node!.length
      out.push(`${here} ${isDir ? 'd' : 'f'} ${node!.nlink} ${length} #${numbers.get(ino)}`)
      if (isDir) await walk(ino, here)
    }
  }
  await walk(1, '')
  return out
}

/** Undefined when all went as it must, else what did not. */
async function failureOf(steps: readonly Step[], TrashDays: number): Promise<string | undefined> {
  const volume = await openTestVolume({ setting: { TrashDays } })
  const model = new Model()
  const opened: number[] = []
  try {
    for (const step of steps) {
      const wanted = expected(model, step)
      const got = await answer(apply(volume, opened, step))
      if (got !== wanted) return `${JSON.stringify(step)} answered ${got}, not ${wanted}`
      await volume.settle()
    }
    const problems = await problemsOf(volume.engine)
    if (problems.length > 0) return problems.join('; ')
    // With trash on, links that went there still count.
    const plain = (line: string) => (TrashDays > 0 ? line.replace(/ f \d+ /, ' f ') : line)
    const tree = (await linesOf(volume.meta)).map(plain)
    const wanted = model.lines().map(plain)
    if (tree.join('\n') !== wanted.join('\n')) return `tree\n${tree.join('\n')}\nnot\n${wanted.join('\n')}`
    for (const ino of opened) await volume.meta.close(ino)
    await volume.settle()
    return (await problemsOf(volume.engine)).map((problem) => `after close: ${problem}`).at(0)
  } catch (error) {
    return String(error)
  } finally {
    await volume.close()
  }
}

/** Leave out ever smaller parts while it still fails. */
async function shrink(steps: readonly Step[], TrashDays: number): Promise<readonly Step[]> {
  let best = steps
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let at = 0; at < best.length; ) {
      const fewer = [...best.slice(0, at), ...best.slice(at + size)]
      if ((await failureOf(fewer, TrashDays)) !== undefined) best = fewer
      else at += size
    }
  return best
}

const seeds = process.env.POMELO_SEED ? [Number(process.env.POMELO_SEED)] : [1, 2, 3, 4, 5, 6]

for (const seed of seeds)
  for (const TrashDays of [0, 1])
    test(`seed ${seed}, trash ${TrashDays ? 'on' : 'off'}: answers, tree and accounts are the model's`, async () => {
      const random = seededRandom(seed)
      const steps = randomSteps(random, 120)
      const failure = await failureOf(steps, TrashDays)
      if (failure === undefined) return
      const shortest = await shrink(steps, TrashDays)
      const trace = shortest.map((step) => JSON.stringify(step)).join('\n')
      assert.fail(`seed ${seed}: ${await failureOf(shortest, TrashDays)}\n${trace}\n(first: ${failure})`)
    })
