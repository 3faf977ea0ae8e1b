/** Block stores for tests: over memory, with what the test cares about set and the rest plain. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '#core/base/clock.ts'
import { type Log, lineLog } from '#core/base/log.ts'
import { Metrics } from '#core/base/metrics.ts'
import { below, type Random, seededRandom } from '#core/base/random.ts'
import { MemoryObjectStore } from '#core/object/memory.ts'
import { FaultyObjectStore } from '#core/object/with-faults.ts'
import type { BlockStore, SliceId, SliceWriter } from './api.ts'
import { type BlockStoreOptions, openBlockStore } from './open-block-store.ts'

export const KiB = 1024
export const MiB = 2 ** 20
export const UUID = 'a7b1c9d2-0000-4000-8000-000000000001'

export interface TestStore {
  readonly blocks: BlockStore
  readonly objects: MemoryObjectStore
  /** Between the two: counts calls, and fails as told. */
  readonly faulty: FaultyObjectStore
  readonly metrics: Metrics
  readonly lines: string[]
}

/** A store with 64 KiB blocks and no disk cache unless `options` says otherwise; closed after the test. */
export async function testStore(
  t: TestContext,
  options: Partial<BlockStoreOptions> & { readonly objects?: MemoryObjectStore } = {},
): Promise<TestStore> {
  const { objects = new MemoryObjectStore(), ...rest } = options
  const faulty = new FaultyObjectStore(objects, {}, seededRandom(1), systemClock)
  const metrics = new Metrics()
  const lines: string[] = []
  const log: Log = lineLog((line) => lines.push(line))
  const blocks = await openBlockStore({
    ...{
      store: faulty,
      blockSize: 64 * KiB,
      uuid: UUID,
      freeSpaceRatio: 0.01,
      log,
      metrics,
      clock: systemClock,
    },
    ...rest,
  })
  t.after(() => blocks.close())
  return { blocks, objects, faulty, metrics, lines }
}

export function testDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'pomelo-chunk-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Bytes that no codec can shrink to nothing and no two blocks share. */
export function testBytes(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length)
  let state = seed >>> 0 || 1
  for (let at = 0; at + 4 <= length; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes.writeUInt32LE(at % 64 < 48 ? state : at, at)
  }
  return bytes
}

/** Write all of it, waiting for buffers when need be. */
export async function writeAt(writer: SliceWriter, at: number, bytes: Uint8Array): Promise<void> {
  for (let room = writer.write(at, bytes); room !== undefined; room = writer.write(at, bytes)) await room
}

export async function writeSlice(blocks: BlockStore, id: number, bytes: Uint8Array): Promise<SliceId> {
  const writer = blocks.newSlice()
  writer.setId(id)
  for (let at = 0; at < bytes.length; at += 128 * KiB) {
    await writeAt(writer, at, bytes.subarray(at, at + 128 * KiB))
  }
  await writer.finish()
  return { id, size: bytes.length }
}

export async function readAll(
  blocks: BlockStore,
  slice: SliceId,
  offset = 0,
  length = slice.size,
): Promise<Buffer> {
  const parts = blocks.peek(slice, offset, length) ?? (await blocks.read(slice, offset, length))
  return Buffer.concat(parts)
}

/** A range inside `size`, often at block borders. */
export function randomRange(random: Random, size: number, blockSize: number): [number, number] {
  const border = below(random, 2) === 0
  const offset = Math.min(
    size - 1,
    border ? below(random, size / blockSize + 1) * blockSize : below(random, size),
  )
  return [offset, 1 + below(random, Math.min(size - offset, 4 * blockSize))]
}
