/** For tests: a Vfs over a fresh volume in memory, or several of them over one volume. Only the clock may be a hand-moved one. */
import type { TestContext } from 'node:test'
import { type Clock, ManualClock, systemClock } from '#core/base/clock.ts'
import { rootContext } from '#core/base/context.ts'
import { ROOT_INO } from '#core/base/ino.ts'
import { type Log, silentLog } from '#core/base/log.ts'
import { Metrics } from '#core/base/metrics.ts'
import { nameFromText } from '#core/base/name.ts'
import { O_RDWR } from '#core/base/open-flags.ts'
import { seededRandom } from '#core/base/random.ts'
import type { BlockStore } from '#core/chunk/api.ts'
import { type BlockStoreOptions, openBlockStore } from '#core/chunk/open-block-store.ts'
import type { Meta } from '#core/meta/api.ts'
import {
  openTestClients,
  openTestVolume,
  type TestClient,
  type TestVolumeOptions,
} from '#core/meta/test-volume.ts'
import { MemoryObjectStore } from '#core/object/memory.ts'
import { FaultyObjectStore } from '#core/object/with-faults.ts'
import type { VfsOptions, VfsParts } from './options.ts'
import { Vfs } from './vfs.ts'

export const BLOCK = 64 * 1024
export const ROOT = rootContext()

export interface TestVfs {
  readonly vfs: Vfs
  readonly client: TestClient<Clock>
  readonly blocks: BlockStore
  /** Between the blocks and the objects in memory: fails and hangs as told. */
  readonly faulty: FaultyObjectStore
  readonly objects: MemoryObjectStore
  readonly metrics: Metrics
  /** A new file in the root, open for reading and writing. */
  file(name: string): Promise<{ readonly ino: number; readonly fh: number }>
}

export interface TestVfsOptions {
  readonly clock?: Clock
  readonly volume?: Omit<TestVolumeOptions<Clock>, 'clock'>
  readonly vfs?: Partial<VfsOptions>
  readonly blocks?: Partial<BlockStoreOptions>
  readonly log?: Log
  /** Delays of the faulty store pass on this one. */
  readonly storeClock?: Clock
  readonly commands?: VfsParts['commands']
  readonly meta?: (meta: Meta) => Meta
  readonly store?: (blocks: BlockStore) => BlockStore
}

export async function openTestVfs(t: TestContext, options: TestVfsOptions = {}): Promise<TestVfs> {
  const client = await openTestVolume<Clock>({ ...options.volume, clock: options.clock ?? systemClock })
  const test = await assemble(client, new MemoryObjectStore(), options)
  t.after(async () => {
    await test.vfs.close()
    await test.blocks.close()
    await client.close()
  })
  return test
}

/** Clients with connections, caches and handles of their own on one volume. */
export async function openTestVfsPair(
  t: TestContext,
  options: TestVfsOptions = {},
): Promise<readonly [TestVfs, TestVfs]> {
  const { clients, close } = await openTestClients<Clock>(2, {
    ...options.volume,
    clock: options.clock ?? systemClock,
  })
  const objects = new MemoryObjectStore()
  const a = await assemble(clients[0]!, objects, options)
  const b = await assemble(clients[1]!, objects, options)
  t.after(async () => {
    for (const { vfs, blocks } of [a, b]) {
      await vfs.close()
      await blocks.close()
    }
    await close()
  })
  return [a, b]
}

async function assemble(
  client: TestClient<Clock>,
  objects: MemoryObjectStore,
  options: TestVfsOptions,
): Promise<TestVfs> {
  const { clock } = client
  const log = options.log ?? silentLog
  const metrics = new Metrics()
  const faulty = new FaultyObjectStore(objects, {}, seededRandom(1), options.storeClock ?? systemClock)
  const relieve = (): void => vfs.relieve()
  const opened = await openBlockStore({
    store: faulty,
    blockSize: BLOCK,
    uuid: 'a7b1c9d2-0000-4000-8000-000000000001',
    log,
    metrics,
    clock: systemClock,
    onPressure: relieve,
    ...options.blocks,
  })
  const blocks = options.store?.(opened) ?? opened
  const meta = options.meta?.(client.meta) ?? client.meta
  const vfs: Vfs = new Vfs({
    meta,
    blocks,
    clock,
    log,
    metrics,
    commands: options.commands,
    options: options.vfs,
  })
  const file = async (name: string) => {
    const { ino, fh } = await vfs.create(ROOT, ROOT_INO, nameFromText(name), 0o644, O_RDWR)
    return { ino, fh }
  }
  return { vfs, client, blocks, faulty, objects, metrics, file }
}

/** The bytes of a read, copied. */
export async function readBytes(vfs: Vfs, fh: number, offset: number, size: number): Promise<Buffer> {
  const result = await vfs.read(ROOT, fh, offset, size)
  if (result.kind !== 'bytes') throw new Error('a file range in a volume without a disk cache')
  return Buffer.concat(result.parts)
}

/** Bytes that differ from place to place and from seed to seed. */
export function patterned(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length; at++) bytes[at] = (at * 7 + seed * 131 + (at >> 8)) & 0xff
  return bytes
}

/** Let everything that waits for no timer and no I/O come to its end. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export { ManualClock }
