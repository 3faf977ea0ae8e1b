/** For tests: work whose outcome is known exactly when every operation succeeds. */
import assert from 'node:assert/strict'
import { rootContext } from '#core/base/context.ts'
import type { Ino } from '#core/base/ino.ts'
import { below, type Random, systemRandom } from '#core/base/random.ts'
import { pagesOf } from '#core/meta/ops/walk.ts'
import { TYPE_FILE } from '#core/meta/records.ts'
import { problemsOf } from '#core/meta/test-invariants.ts'
import type { CutVolume } from './test-cuts.ts'

export const ctx = rootContext()
export const FILE = { type: TYPE_FILE, mode: 0o644 } as const

/** Of SEED, to repeat a run. */
export function seedOf(): number {
  return Number(process.env.SEED ?? 1 + below(systemRandom, 1e6))
}

/** Operations of one worker on names of its own, and what must be there afterwards by what it was told. */
export class Worker {
  readonly #volume: CutVolume
  readonly #random: Random
  readonly #name: string
  readonly #directories: readonly Ino[]
  readonly #cutShare: number
  readonly entries = new Map<string, { readonly ino: Ino; slices: number; xattr: string }>()
  #next = 0

  constructor(
    volume: CutVolume,
    random: Random,
    name: string,
    directories: readonly Ino[],
    cutShare: number,
  ) {
    this.#volume = volume
    this.#random = random
    this.#name = name
    this.#directories = directories
    this.#cutShare = cutShare
  }

  async step(): Promise<string> {
    const random = this.#random
    if (random.next() < this.#cutShare) this.#volume.cutNext(random.next() < 0.5 ? 'before' : 'after')
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
        await meta.writeSlice(file.ino, 0, [slice], this.#volume.client.clock.now())
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

export async function expectExactly(
  volume: CutVolume,
  workers: readonly Worker[],
  seed: number,
): Promise<void> {
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
