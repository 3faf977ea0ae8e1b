import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, systemClock } from '#core/base/clock.ts'
import { rootContext } from '#core/base/context.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import { below, type Random, seededRandom } from '#core/base/random.ts'
import { CHUNK_SIZE, type SliceRecord, spaceOf, TYPE_FILE } from '../records.ts'
import { readSegments } from '../slices.ts'
import type { MetaState } from '../state.ts'
import { openTestClients, openTestVolume, type TestClient } from '../test-volume.ts'
import { newSlice, readChunk, writeSlice } from './chunks.ts'
import { commitCompaction, planCompaction } from './compaction.ts'
import { copyFileRange } from './copy-file-range.ts'
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE, fallocate } from './fallocate.ts'
import { truncate } from './truncate.ts'

const ROOT = rootContext()

/** Files live around the border of two chunks, so that few bytes reach all of the arithmetic. */
const START = CHUNK_SIZE - 24
const SPAN = 64
const FILES = 3

/** The objects: slice data by id. */
type Store = Map<number, Uint8Array>

type Step =
  | { readonly do: 'write'; readonly file: number; readonly at: number; readonly length: number }
  | { readonly do: 'truncate'; readonly file: number; readonly to: number }
  | {
      readonly do: 'zero'
      readonly file: number
      readonly mode: number
      readonly at: number
      readonly length: number
    }
  | {
      readonly do: 'copy'
      readonly file: number
      readonly at: number
      readonly to: number
      readonly toAt: number
      readonly length: number
    }
  | { readonly do: 'compact'; readonly file: number; readonly index: number }

function randomStep(random: Random): Step {
  const file = below(random, FILES)
  const at = START + below(random, SPAN)
  const length = 1 + below(random, START + SPAN - at)
  const kind = below(random, 10)
  if (kind < 4) return { do: 'write', file, at, length }
  if (kind < 5) return { do: 'truncate', file, to: START + below(random, SPAN) }
  if (kind < 6) {
    const mode = [
      FALLOC_FL_KEEP_SIZE,
      0,
      FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
      FALLOC_FL_ZERO_RANGE,
      FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
    ][below(random, 5)]!
    return { do: 'zero', file, mode, at, length }
  }
  if (kind < 8)
    return { do: 'copy', file, at, to: below(random, FILES), toAt: START + below(random, SPAN), length }
  return { do: 'compact', file, index: below(random, 2) }
}

/** A file as bytes from START on. */
class ModelFile {
  bytes: number[] = []

  get length(): number {
    return this.bytes.length
  }

  set length(length: number) {
    while (this.bytes.length < length) this.bytes.push(0)
    this.bytes.length = length
  }

  put(at: number, bytes: readonly number[]): void {
    this.length = Math.max(this.length, at + bytes.length)
    for (const [k, byte] of bytes.entries()) this.bytes[at + k] = byte
  }
}

async function applyStep(
  state: MetaState,
  store: Store,
  inos: readonly Ino[],
  model: readonly ModelFile[],
  step: Step,
  fill: number,
): Promise<void> {
  const ino = inos[step.file]!
  const file = model[step.file]!
  switch (step.do) {
    case 'write': {
      const bytes = Array.from({ length: step.length }, (_, k) => 1 + ((fill + k) % 255))
      await write(state, store, ino, step.at, bytes)
      file.put(step.at - START, bytes)
      return
    }
    case 'truncate':
      await truncate(state, ROOT, ino, step.to, true)
      file.length = step.to - START
      return
    case 'zero': {
      await fallocate(state, ROOT, ino, step.mode, step.at, step.length)
      const at = step.at - START
      const end = at + step.length
      if ((step.mode & ~FALLOC_FL_KEEP_SIZE) !== 0) file.bytes.fill(0, at, Math.min(end, file.length))
      if ((step.mode & FALLOC_FL_KEEP_SIZE) === 0) file.length = Math.max(file.length, end)
      return
    }
    case 'copy': {
      const from = step.at - START
      const to = step.toAt - START
      const bytes = file.bytes.slice(from, from + step.length)
      if (step.to === step.file && Math.abs(from - to) < bytes.length) return
      const { copied } = await copyFileRange(
        state,
        ROOT,
        ino,
        step.at,
        inos[step.to]!,
        step.toAt,
        step.length,
      )
      assert.equal(copied, bytes.length)
      if (bytes.length > 0) model[step.to]!.put(to, bytes)
      return
    }
    case 'compact':
      await compact(state, store, ino, step.index)
  }
}

/** As a writer does it: a slice for each chunk, its bytes stored first. */
async function write(
  state: MetaState,
  store: Store,
  ino: Ino,
  at: number,
  bytes: readonly number[],
): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const index = Math.floor((at + done) / CHUNK_SIZE)
    const pos = (at + done) % CHUNK_SIZE
    const part = bytes.slice(done, done + CHUNK_SIZE - pos)
    const id = await newSlice(state)
    store.set(id, Uint8Array.from(part))
    await writeSlice(
      state,
      ino,
      index,
      [{ pos, id, size: part.length, off: 0, len: part.length }],
      state.clock.now(),
    )
    done += part.length
  }
}

function readBytes(store: Store, segments: readonly SliceRecord[]): number[] {
  return segments.flatMap(({ id, size, off, len }) => {
    if (id === 0) return new Array<number>(len).fill(0)
    const data = store.get(id)
    assert.ok(data !== undefined, `objects of slice ${id} are gone`)
    assert.equal(data.length, size)
    return [...data.subarray(off, off + len)]
  })
}

async function compact(state: MetaState, store: Store, ino: Ino, index: number): Promise<boolean> {
  const plan = planCompaction(await readChunk(state, ino, index))
  if (plan === undefined) return false
  if (plan.isHole) {
    const zeros = { pos: plan.pos, id: 0, size: plan.size, off: 0, len: plan.size }
    return commitCompaction(state, ino, index, plan.prefix, plan.skipped, zeros)
  }
  const id = await newSlice(state)
  const bytes = Uint8Array.from(readBytes(store, plan.segments))
  assert.equal(bytes.length, plan.size)
  store.set(id, bytes)
  return commitCompaction(state, ino, index, plan.prefix, plan.skipped, {
    pos: plan.pos,
    id,
    size: plan.size,
    off: 0,
    len: plan.size,
  })
}

async function readFile(state: MetaState, store: Store, ino: Ino, length: number): Promise<number[]> {
  const low = readSegments(await readChunk(state, ino, 0), START, Math.min(CHUNK_SIZE, START + length))
  const high = readSegments(await readChunk(state, ino, 1), 0, Math.max(0, START + length - CHUNK_SIZE))
  return readBytes(store, [...low, ...high])
}

/**
 * Files have the bytes of the model, every reference is the number of records that use the slice, accounts are
 * exact. Then what nobody uses is removed from the store, so that a wrong reference shows as a loss later.
 */
async function check(
  client: TestClient<Clock>,
  store: Store,
  inos: readonly Ino[],
  model: readonly ModelFile[],
): Promise<void> {
  await client.settle()
  const { engine, state } = client
  const uses = new Map<number, number>()
  let length = 0
  let space = 0
  for (const [k, ino] of inos.entries()) {
    const node = await client.meta.getattr(ROOT, ino)
    assert.equal(node.length, START + model[k]!.length, `length of file ${k}`)
    assert.deepEqual(
      await readFile(state, store, ino, model[k]!.length),
      model[k]!.bytes,
      `bytes of file ${k}`,
    )
    for (const { id } of [...(await readChunk(state, ino, 0)), ...(await readChunk(state, ino, 1))]) {
      if (id !== 0) uses.set(id, (uses.get(id) ?? 0) + 1)
    }
    length += node.length
    space += spaceOf(node)
  }
  for (const [id, { length: size }] of store) {
    const [ref] = await engine.read([{ kind: 'sliceRef', id, size }])
    assert.equal(ref?.uses ?? 0, uses.get(id) ?? 0, `uses of slice ${id}`)
    if (!uses.has(id)) store.delete(id)
  }
  const [usedSpace, dirStat, user, group] = await engine.read([
    { kind: 'counter', name: 'usedSpace' },
    { kind: 'dirStat', ino: ROOT_INO },
    { kind: 'quota', of: 'user', id: 0 },
    { kind: 'quota', of: 'group', id: 0 },
  ])
  assert.equal(usedSpace, space)
  assert.deepEqual(dirStat, { length, space, inodes: inos.length })
  assert.equal(user?.usedSpace, space)
  assert.equal(group?.usedSpace, space)
}

async function makeFile({ meta, state }: TestClient<Clock>, name: string): Promise<Ino> {
  const { ino } = await meta.mknod(ROOT, ROOT_INO, name, { type: TYPE_FILE, mode: 0o644 })
  await truncate(state, ROOT, ino, START, true)
  return ino
}

async function play(steps: readonly Step[]): Promise<void> {
  const client = await openTestVolume()
  const store: Store = new Map()
  const model = Array.from({ length: FILES }, () => new ModelFile())
  try {
    const inos: Ino[] = []
    for (let k = 0; k < FILES; k++) inos.push(await makeFile(client, `f${k}`))
    for (const [k, step] of steps.entries()) {
      await client.clock.advance(1)
      await applyStep(client.state, store, inos, model, step, k * 37)
      await check(client, store, inos, model)
    }
  } finally {
    await client.close()
  }
}

/** The shortest list that still fails, by leaving out runs of steps. */
async function shrink(steps: readonly Step[]): Promise<readonly Step[]> {
  let failing = steps
  for (let size = Math.ceil(failing.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < failing.length; ) {
      const shorter = failing.toSpliced(at, size)
      const fails = await play(shorter).then(
        () => false,
        () => true,
      )
      if (fails) failing = shorter
      else at += size
    }
  }
  return failing
}

test('files read as the bytes written, truncated, punched, copied and compacted into them; references and usage exact', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seededRandom(seed)
    const steps = Array.from({ length: 40 }, () => randomStep(random))
    try {
      await play(steps)
    } catch (error) {
      const shortest = await shrink(steps)
      throw new Error(`seed ${seed}, shortest: ${JSON.stringify(shortest)}`, { cause: error })
    }
  }
})

test('two clients writing, copying and compacting one file at once lose no byte and no reference', async () => {
  const { clients, close } = await openTestClients(2, { clock: systemClock })
  const [a, b] = clients as [TestClient<Clock>, TestClient<Clock>]
  try {
    const inos = [await makeFile(a, 'source'), await makeFile(a, 'copy')] as const
    const store: Store = new Map()
    const model = [new ModelFile(), new ModelFile()] as const
    let compacted = 0
    let copied = 0
    for (let round = 0; round < 50; round++) {
      const bytes = (n: number) => Array.from({ length: 8 }, (_, k) => 1 + ((round * 5 + n * 3 + k) % 255))
      const [low, high] = [bytes(1), bytes(2)]
      // Writers never overlap, so the outcome does not depend on who wins.
      await Promise.all([
        write(a.state, store, inos[0], START, low),
        write(b.state, store, inos[0], START + 30, high),
        write(a.state, store, inos[0], START + 45, low),
      ])
      model[0].put(0, low)
      model[0].put(30, high)
      model[0].put(45, low)
      const [done, results] = await Promise.all([
        copyFileRange(a.state, ROOT, inos[0], START, inos[1], START + 3, SPAN),
        Promise.all([
          compact(b.state, store, inos[0], 0),
          compact(a.state, store, inos[0], 1),
          compact(b.state, store, inos[1], 1),
          write(b.state, store, inos[1], START + 58, high).then(() => false),
        ]),
      ])
      copied += done.copied
      compacted += results.filter(Boolean).length
      model[1].put(3, model[0].bytes)
      model[1].put(58, high)
      await check(a, store, inos, model)
    }
    assert.ok(compacted > 50 && copied === 50 * 53, `${compacted} compactions, ${copied} bytes copied`)
  } finally {
    await close()
  }
})
