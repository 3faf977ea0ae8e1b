/** Random streams of operations on a few files through several handles, against arrays of bytes. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ROOT_INO } from '#core/base/ino.ts'
import { O_RDWR } from '#core/base/open-flags.ts'
import { below, type Random, seededRandom } from '#core/base/random.ts'
import { CHUNK_SIZE } from '#core/meta/records.ts'
import { BLOCK, openTestVfs, patterned, ROOT, readBytes, type TestVfs } from './test-vfs.ts'

const FILES = 2
const HANDLES = 3
/** Files straddle a chunk border: bytes are at [BASE, BASE + SPAN) and zeros below. */
const BASE = CHUNK_SIZE - 3 * BLOCK
const SPAN = 8 * BLOCK

type Step =
  | { readonly op: 'write'; readonly at: number; readonly size: number; readonly seed: number }
  | { readonly op: 'read'; readonly at: number; readonly size: number }
  | { readonly op: 'truncate'; readonly size: number }
  | { readonly op: 'zero'; readonly at: number; readonly size: number; readonly mode: number }
  | { readonly op: 'copy'; readonly at: number; readonly size: number; readonly to: number }
  | { readonly op: 'flush' | 'reopen' | 'compact' | 'evict' | 'turn' }

type Traced = Step & { readonly file: number; readonly handle: number }

/** A file as it must be: its length, and the bytes from BASE on. */
class Model {
  length = 0
  readonly bytes = Buffer.alloc(SPAN)

  write(at: number, data: Buffer): void {
    data.copy(this.bytes, at - BASE)
    this.length = Math.max(this.length, at + data.length)
  }

  truncate(size: number): void {
    if (size < this.length) this.bytes.fill(0, Math.max(0, size - BASE))
    this.length = size
  }

  zero(at: number, size: number, mode: number): void {
    const end = Math.min(at + size, this.length)
    if ((mode & 2) !== 0 || (mode & 16) !== 0) {
      if (end > at) this.bytes.fill(0, at - BASE, end - BASE)
    }
    if ((mode & 1) === 0) this.length = Math.max(this.length, at + size)
  }

  read(at: number, size: number): Buffer {
    const end = Math.min(at + size, this.length)
    return end <= at ? Buffer.alloc(0) : Buffer.from(this.bytes.subarray(at - BASE, end - BASE))
  }
}

function place(random: Random): { at: number; size: number } {
  const small = below(random, 3) > 0
  const start = below(random, 2) === 0 ? below(random, SPAN / 4096) * 4096 : below(random, SPAN - 1)
  const size = 1 + below(random, Math.min(SPAN - start, small ? 5000 : 3 * BLOCK))
  return { at: BASE + start, size }
}

function randomStep(random: Random): Step {
  const { at, size } = place(random)
  const dice = below(random, 100)
  if (dice < 45) return { op: 'write', at, size, seed: below(random, 256) }
  if (dice < 70) return { op: 'read', at, size }
  if (dice < 76) return { op: 'truncate', size: below(random, 8) === 0 ? 0 : BASE + below(random, SPAN) }
  if (dice < 82) return { op: 'zero', at, size, mode: [0, 1, 3, 16, 17][below(random, 5)]! }
  if (dice < 88) return { op: 'copy', at, size, to: place(random).at }
  return { op: (['flush', 'reopen', 'compact', 'evict', 'turn'] as const)[below(random, 5)]! }
}

function randomTrace(seed: number, length: number): Traced[] {
  const random = seededRandom(seed)
  return Array.from({ length }, () => ({
    ...randomStep(random),
    file: below(random, FILES),
    handle: below(random, HANDLES),
  }))
}

interface Subject {
  readonly ino: number
  readonly fhs: number[]
  readonly model: Model
}

async function run(test: TestVfs, trace: readonly Traced[], name: string): Promise<void> {
  const { vfs } = test
  const subjects: Subject[] = []
  for (let k = 0; k < FILES; k++) {
    const { ino, fh } = await test.file(`${name}-${k}`)
    const fhs = [fh]
    for (let h = 1; h < HANDLES; h++) fhs.push((await vfs.open(ROOT, ino, O_RDWR)).fh)
    subjects.push({ ino, fhs, model: new Model() })
  }
  try {
    for (const [k, step] of trace.entries()) {
      const subject = subjects[step.file]!
      try {
        await apply(test, subjects, subject, step)
        const node = await vfs.getattr(ROOT, subject.ino)
        assert.equal(node.length, subject.model.length, 'length')
      } catch (error) {
        throw new Error(`step ${k} ${JSON.stringify(step)}: ${(error as Error).message}`, { cause: error })
      }
    }
    for (const { fhs, model } of subjects) {
      await vfs.flush(ROOT, fhs[0]!)
      const got = await readBytes(vfs, fhs[0]!, BASE, SPAN)
      assert.ok(got.equals(model.read(BASE, SPAN)), 'content at the end')
    }
  } finally {
    for (const { fhs } of subjects) for (const fh of fhs) await vfs.release(fh)
    for (let k = 0; k < FILES; k++) await vfs.unlink(ROOT, ROOT_INO, `${name}-${k}`)
  }
}

async function apply(
  { vfs, blocks, client }: TestVfs,
  subjects: Subject[],
  { ino, fhs, model }: Subject,
  step: Traced,
): Promise<void> {
  const fh = fhs[step.handle]!
  switch (step.op) {
    case 'write': {
      const data = patterned(step.size, step.seed)
      const view = Buffer.from(data)
      const written = vfs.write(ROOT, fh, step.at, view)
      view.fill(0xee)
      assert.equal(await written, step.size)
      model.write(step.at, data)
      return
    }
    case 'read': {
      const got = await readBytes(vfs, fh, step.at, step.size)
      const wanted = model.read(step.at, step.size)
      assert.equal(got.length, wanted.length, 'bytes read')
      const differs = got.findIndex((byte, at) => byte !== wanted[at])
      assert.equal(differs, -1, `read differs at ${step.at + differs}`)
      return
    }
    case 'truncate':
      await vfs.setattr(ROOT, ino, { size: step.size }, fh)
      return model.truncate(step.size)
    case 'zero':
      await vfs.fallocate(ROOT, fh, step.mode, step.at, step.size)
      return model.zero(step.at, step.size, step.mode)
    case 'copy': {
      const other = subjects[1 - step.file]!
      const size = Math.min(step.size, BASE + SPAN - step.to)
      const from = { fh, offset: step.at }
      const copied = await vfs.copyFileRange(ROOT, from, { fh: other.fhs[0]!, offset: step.to }, size)
      const data = model.read(step.at, size)
      assert.equal(copied, data.length, 'bytes copied')
      if (data.length > 0) other.model.write(step.to, data)
      return
    }
    case 'flush':
      return vfs.flush(ROOT, fh)
    case 'reopen':
      fhs[step.handle] = (await vfs.open(ROOT, ino, O_RDWR)).fh
      return vfs.release(fh)
    case 'compact':
      for (const index of [0, 1]) await vfs.compactChunk(ino, index)
      return
    case 'evict':
      for (const index of [0, 1]) {
        for (const { id, size } of await client.meta.readChunk(ino, index)) {
          if (id > 0) await blocks.evict({ id, size })
        }
      }
      return
    case 'turn':
      return new Promise((resolve) => setImmediate(resolve))
  }
}

/** The shortest trace that still fails, found by leaving steps out. */
async function shrink(
  t: TestContext,
  trace: Traced[],
): Promise<{ trace: Traced[]; error: unknown } | undefined> {
  let runs = 0
  const failure = async (candidate: readonly Traced[]): Promise<unknown> => {
    const test = await openTestVfs(t, { vfs: { compaction: 'eager' } })
    try {
      await run(test, candidate, `r${runs++}`)
      return undefined
    } catch (error) {
      return error
    }
  }
  let error = await failure(trace)
  if (error === undefined) return undefined
  let best = trace
  for (let size = Math.ceil(best.length / 2); size >= 1 && runs < 150; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.length && runs < 150; ) {
      const fewer = [...best.slice(0, at), ...best.slice(at + size)]
      const again = await failure(fewer)
      if (again === undefined) at += size
      else [best, error] = [fewer, again]
    }
  }
  return { trace: best, error }
}

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`files read back what a byte array says, seed ${seed}`, async (t) => {
    const trace = randomTrace(seed, 400)
    const test = await openTestVfs(t, { vfs: { compaction: seed % 2 === 0 ? 'eager' : 'auto' } })
    try {
      await run(test, trace, 'f')
    } catch (error) {
      const least = await shrink(t, trace)
      if (least === undefined) throw error
      const steps = least.trace.map((step) => JSON.stringify(step)).join('\n')
      throw new Error(`seed ${seed}: ${(least.error as Error).message}\n${steps}`, { cause: least.error })
    }
    const { vfs_handles, vfs_open_slices, fuse_open_handlers } = test.metrics.snapshot()
    assert.deepEqual(
      { vfs_handles, vfs_open_slices, fuse_open_handlers },
      {
        vfs_handles: 0,
        vfs_open_slices: 0,
        fuse_open_handlers: 0,
      },
    )
  })
}
