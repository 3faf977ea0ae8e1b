import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackendError, FsError } from '#core/base/errno.ts'
import { ROOT_INO } from '#core/base/ino.ts'
import { below, seededRandom } from '#core/base/random.ts'
import type { Change, Guard } from '#core/meta/engine.ts'
import { sampleNode } from '#core/meta/engine-suite/tools.suite.ts'
import { TYPE_DIRECTORY, TYPE_FILE } from '#core/meta/records.ts'
import { encodeSlices } from '#core/meta/slices.ts'
import { problemsOf } from '#core/meta/test-invariants.ts'
import { redisMissing } from '../../../../e2e/harness/redis.ts'
import { signsOf } from './signs.ts'
import { type CutVolume, openCutVolume } from './test-cuts.ts'
import { ctx, expectExactly, FILE, seedOf, Worker } from './test-load.ts'
import { excludes } from './witnesses.ts'

const skip = redisMissing()

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
    signsOf(guards, changes).flatMap(({ keys }) => keys.map(({ kind }) => kind))
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

test('a client whose commits lose their connections does each exactly once', { skip }, async () => {
  const seed = seedOf()
  await withCuts(async (volume) => {
    const directory = (
      await volume.client.meta.mknod(ctx, ROOT_INO, 'd', { type: TYPE_DIRECTORY, mode: 0o755 })
    ).ino
    const worker = new Worker(volume, seededRandom(seed), 'w', [ROOT_INO, directory], 0.5)
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
      (_, k) => new Worker(volume, seededRandom(seed + k), `w${k}_`, [ROOT_INO], 0.5),
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
    assert.ok(unclear <= volume.cuts / 3, `${unclear} of ${volume.cuts} cuts`)
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
