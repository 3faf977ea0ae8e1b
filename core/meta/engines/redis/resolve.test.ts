import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { BackendError, FsError } from '#core/base/errno.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import { below, type Random, seededRandom, systemRandom } from '#core/base/random.ts'
import { sampleNode } from '#core/meta/engine.suite.ts'
import type { Change, Guard } from '#core/meta/engine.ts'
import { pagesOf } from '#core/meta/ops/walk.ts'
import { TYPE_DIRECTORY, TYPE_FILE } from '#core/meta/records.ts'
import { encodeSlices } from '#core/meta/slices.ts'
import { problemsOf } from '#core/meta/test-invariants.ts'
import { redisMissing } from '../../../../e2e/harness/redis.ts'
import { excludes, signsOf } from './resolve.ts'
import { type CutVolume, openCutVolume } from './test-cuts.ts'

const skip = redisMissing()
const ctx = rootContext()
const FILE = { type: TYPE_FILE, mode: 0o644 } as const

async function withCuts(work: (volume: CutVolume) => Promise<void>): Promise<void> {
  const volume = await openCutVolume()
  try {
    await work(volume)
  } finally {
    await volume.close()
  }
}

test('a guard is a witness when the changes make it fail', () => {
  const slices = encodeSlices([{ pos: 0, id: 7, size: 4, off: 0, len: 4 }])
  const later = { ...sampleNode, ctimeNsec: sampleNode.ctimeNsec + 1 }
  const edge = { ino: 5, type: TYPE_FILE } as const
  const nodeIs = { kind: 'nodeIs', ino: 5, is: sampleNode } as const
  const edgeIs = { kind: 'edgeIs', parent: 1, name: 'a' } as const
  const cases: readonly [boolean, Guard, Change[]][] = [
    [true, nodeIs, [{ kind: 'putNode', ino: 5, node: later }]],
    [false, nodeIs, [{ kind: 'putNode', ino: 5, node: { ...sampleNode } }]],
    [false, nodeIs, [{ kind: 'putNode', ino: 6, node: later }]],
    [true, nodeIs, [{ kind: 'delNode', ino: 5 }]],
    [true, nodeIs, [{ kind: 'touchNode', ino: 5, nlink: 1 }]],
    [false, nodeIs, [{ kind: 'touchNode', ino: 5, nlink: 0 }]],
    [true, { ...nodeIs, is: null }, [{ kind: 'putNode', ino: 5, node: sampleNode }]],
    [false, { kind: 'nodeLike', ino: 5, like: sampleNode }, [{ kind: 'touchNode', ino: 5, nlink: 1 }]],
    [true, { ...edgeIs, is: null }, [{ kind: 'putEdge', parent: 1, name: 'a', edge }]],
    [false, { ...edgeIs, is: null }, [{ kind: 'putEdge', parent: 1, name: 'b', edge }]],
    [false, { ...edgeIs, is: edge }, [{ kind: 'putEdge', parent: 1, name: 'a', edge }]],
    [true, { ...edgeIs, is: edge }, [{ kind: 'delEdge', parent: 1, name: 'a' }]],
    [true, { kind: 'emptyDir', ino: 1 }, [{ kind: 'putEdge', parent: 1, name: 'a', edge }]],
    [
      true,
      { kind: 'chunkIs', ino: 5, index: 0, is: null },
      [{ kind: 'appendChunk', ino: 5, index: 0, slices }],
    ],
    [
      false,
      { kind: 'chunkStartsWith', ino: 5, index: 0, prefix: slices },
      [{ kind: 'appendChunk', ino: 5, index: 0, slices }],
    ],
    [
      true,
      { kind: 'recordIs', key: { kind: 'counter', name: 'usedSpace' }, is: 1 },
      [{ kind: 'putCounter', name: 'usedSpace', value: 2 }],
    ],
    [
      false,
      { kind: 'recordIs', key: { kind: 'counter', name: 'usedSpace' }, is: 1 },
      [{ kind: 'addUsage', space: 5, inodes: 1 }],
    ],
  ]
  for (const [expected, guard, changes] of cases)
    assert.equal(excludes(guard, changes), expected, JSON.stringify([guard.kind, changes]))
})

test('signs are what nobody else can have left', () => {
  const slices = encodeSlices([{ pos: 0, id: 7, size: 4, off: 0, len: 4 }])
  const kinds = (changes: Change[], guards: Guard[] = []): string[] =>
    signsOf(guards, changes).map(({ key }) => key.kind)
  assert.deepEqual(kinds([{ kind: 'appendChunk', ino: 5, index: 0, slices }]), [], 'slices of another file')
  assert.deepEqual(
    kinds([
      { kind: 'appendChunk', ino: 5, index: 0, slices },
      { kind: 'newSliceRef', id: 7, size: 4 },
    ]),
    ['chunk'],
  )
  assert.deepEqual(kinds([{ kind: 'putEdge', parent: 1, name: 'a', edge: { ino: 5, type: 1 } }]), [])
  const guard = { kind: 'nodeIs', ino: 5, is: sampleNode } as const
  assert.deepEqual(kinds([{ kind: 'delNode', ino: 5 }], [guard]), ['node'])
  const moved: Change = { kind: 'putEdge', parent: 1, name: 'b', edge: { ino: 6, type: 1 } }
  assert.deepEqual(kinds([{ kind: 'delNode', ino: 5 }, moved], [guard]), [], 'a rename is no removal')
})

/** Operations of one worker on names of its own, and what must be there afterwards by what it was told. */
class Worker {
  readonly #volume: CutVolume
  readonly #random: Random
  readonly #name: string
  readonly #directories: readonly Ino[]
  readonly entries = new Map<string, { readonly ino: Ino; slices: number; xattr: string }>()
  #next = 0

  constructor(volume: CutVolume, random: Random, name: string, directories: readonly Ino[]) {
    this.#volume = volume
    this.#random = random
    this.#name = name
    this.#directories = directories
  }

  async step(): Promise<string> {
    const random = this.#random
    if (random.next() < 0.5) this.#volume.cutNext(random.next() < 0.5 ? 'before' : 'after')
    const [key, file] = [...this.entries][below(random, Math.max(1, this.entries.size))] ?? []
    const { meta } = this.#volume.client
    const parent = this.#directories[below(random, this.#directories.length)]!
    const name = `${this.#name}${this.#next++}`
    const roll = below(random, 8)
    if (key === undefined || file === undefined || roll < 2) {
      const { ino } = await meta.mknod(ctx, parent, name, FILE)
      this.entries.set(`${parent}/${name}`, { ino, slices: 0, xattr: '' })
      return 'create'
    }
    const [fromText = '', from = ''] = key.split('/')
    switch (roll) {
      case 2:
        await meta.unlink(ctx, Number(fromText), from)
        this.entries.delete(key)
        return 'unlink'
      case 3: {
        await meta.rename(ctx, Number(fromText), from, parent, name, 0)
        this.entries.delete(key)
        this.entries.set(`${parent}/${name}`, file)
        return 'rename'
      }
      case 4: {
        const slice = { pos: 0, id: await meta.newSlice(), size: 10, off: 0, len: 10 }
        await meta.writeSlice(file.ino, 0, slice, this.#volume.client.clock.now())
        file.slices++
        return 'write'
      }
      case 5:
        await meta.setattr(ctx, file.ino, { mode: 0o600 + below(random, 8) })
        return 'chmod'
      case 6:
        await meta.setxattr(ctx, file.ino, 'user.x', Buffer.from(name), 0)
        file.xattr = name
        return 'setxattr'
      default: {
        const linked = `${name}link`
        await meta.link(ctx, file.ino, parent, linked)
        await meta.unlink(ctx, parent, linked)
        return 'link'
      }
    }
  }
}

async function expectExactly(volume: CutVolume, workers: readonly Worker[], seed: number): Promise<void> {
  const { engine, meta } = volume.other
  const seen = new Set<string>()
  for await (const page of pagesOf({ engine }, { kind: 'allEdges' }))
    for (const edge of page) if (edge.type === TYPE_FILE) seen.add(`${edge.parent}/${edge.name}`)
  const expected = workers.flatMap(({ entries }) => [...entries])
  assert.deepEqual([...seen].sort(), expected.map(([key]) => key).sort(), `seed ${seed}`)
  for (const [key, { ino, slices, xattr }] of expected) {
    assert.equal((await meta.readChunk(ino, 0)).length, slices, `seed ${seed}: slices of ${key}`)
    const value = await meta.getxattr(ctx, ino, 'user.x')
    assert.equal(String(value ?? ''), xattr, `seed ${seed}: xattr of ${key}`)
  }
  await volume.client.settle()
  assert.deepEqual(await problemsOf(engine), [], `seed ${seed}`)
}

const seedOf = (): number => Number(process.env.SEED ?? 1 + below(systemRandom, 1e6))

test('a client whose commits lose their connections does each exactly once', { skip }, async () => {
  const seed = seedOf()
  await withCuts(async (volume) => {
    const directory = (
      await volume.client.meta.mknod(ctx, ROOT_INO, 'd', { type: TYPE_DIRECTORY, mode: 0o755 })
    ).ino
    const worker = new Worker(volume, seededRandom(seed), 'w', [ROOT_INO, directory])
    for (let k = 0; k < 200; k++) await worker.step()
    assert.ok(volume.cuts > 50, `only ${volume.cuts} cuts`)
    await expectExactly(volume, [worker], seed)
  })
})

test('with many commits on their way at each cut, each is still done exactly once', { skip }, async () => {
  const seed = seedOf()
  await withCuts(async (volume) => {
    const workers = Array.from(
      { length: 8 },
      (_, k) => new Worker(volume, seededRandom(seed + k), `w${k}_`, [ROOT_INO]),
    )
    await Promise.all(
      workers.map(async (worker) => {
        for (let k = 0; k < 40; k++) await worker.step()
      }),
    )
    assert.ok(volume.cuts > 20, `only ${volume.cuts} cuts`)
    await expectExactly(volume, workers, seed)
  })
})

test('beside another client, what cannot be told is said so, and nothing is done twice', {
  skip,
}, async (t) => {
  const seed = seedOf()
  await withCuts(async (volume) => {
    const random = seededRandom(seed)
    const { client, other } = volume
    const names = ['a', 'b', 'c']
    let unclear = 0
    const tries = async (work: () => Promise<unknown>): Promise<boolean> => {
      try {
        await work()
        return true
      } catch (error) {
        if (error instanceof FsError) return false
        if (!(error instanceof BackendError) || !/cannot be told/.test(error.message)) throw error
        unclear++
        return false
      }
    }
    const play = async ({ meta }: typeof client, rounds: number, cutting: boolean): Promise<void> => {
      for (let k = 0; k < rounds; k++) {
        const name = names[below(random, names.length)]!
        const to = names[below(random, names.length)]!
        if (cutting && random.next() < 0.5) volume.cutNext(random.next() < 0.5 ? 'before' : 'after')
        const roll = below(random, 5)
        if (roll < 2) await tries(() => meta.mknod(ctx, ROOT_INO, name, FILE))
        else if (roll === 2) await tries(() => meta.unlink(ctx, ROOT_INO, name))
        else if (roll === 3) await tries(() => meta.rename(ctx, ROOT_INO, name, ROOT_INO, to, 0))
        else
          await tries(async () => {
            const found = await meta.lookup(ctx, ROOT_INO, name)
            if (found !== undefined) await meta.setattr(ctx, found.ino, { mode: below(random, 0o1000) })
          })
      }
    }
    await Promise.all([play(client, 150, true), play(other, 400, false)])
    await client.settle()
    await other.settle()
    assert.deepEqual(await problemsOf(other.engine), [], `seed ${seed}`)
    t.diagnostic(`${volume.cuts} cuts, of ${unclear} commits it could not be told`)
    assert.ok(unclear <= volume.cuts / 2, `${unclear} of ${volume.cuts} cuts`)
  })
})

test('an exclusive name has one winner, cut or not', { skip }, async () => {
  const seed = seedOf()
  const random = seededRandom(seed)
  await withCuts(async (volume) => {
    for (let k = 0; k < 40; k++) {
      volume.cutNext(random.next() < 0.5 ? 'before' : 'after')
      const [ours, theirs] = await Promise.allSettled(
        [volume.client, volume.other].map(({ meta }) => meta.mknod(ctx, ROOT_INO, `x${k}`, FILE)),
      )
      const winners = [ours!, theirs!].filter(({ status }) => status === 'fulfilled')
      const untold = [ours!, theirs!].filter(
        (result) => result.status === 'rejected' && result.reason instanceof BackendError,
      )
      assert.ok(
        winners.length === 1 || (winners.length === 0 && untold.length === 1),
        `seed ${seed}, round ${k}`,
      )
      const found = await volume.other.meta.lookup(ctx, ROOT_INO, `x${k}`)
      assert.ok(found !== undefined)
      const [winner] = winners
      if (winner?.status === 'fulfilled')
        assert.equal(found.ino, winner.value.ino, `seed ${seed}, round ${k}`)
    }
    assert.deepEqual(await problemsOf(volume.other.engine), [], `seed ${seed}`)
  })
})
