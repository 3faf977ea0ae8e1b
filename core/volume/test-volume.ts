/** A volume in a temporary folder, for tests: SQLite and files, opened through the library. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { claimBucket, type FormatWishes, newSetting } from '#core/admin/format.ts'
import { resolveParent, resolvePath } from '#core/admin/paths.ts'
import { rootContext } from '#core/base/context.ts'
import { type Log, silentLog } from '#core/base/log.ts'
import { formatVolume, openEngine } from '#core/meta/open-meta.ts'
import { TYPE_DIRECTORY } from '#core/meta/records.ts'
import { readFileParts, writeNewFile } from './files.ts'
import { openStoreOf } from './open-stored.ts'
import { openVolume, type Volume } from './open-volume.ts'
import type { VolumeOptions } from './volume-options.ts'

export class TestVolume {
  readonly folder: string
  readonly metaUrl: string
  readonly bucket: string
  readonly #opened: Volume[] = []

  constructor(folder: string) {
    this.folder = folder
    this.metaUrl = `sqlite3://${join(folder, 'meta.db')}`
    this.bucket = join(folder, 'bucket/')
  }

  async open(options: VolumeOptions = {}, log: Log = silentLog): Promise<Volume> {
    const volume = await openVolume(
      this.metaUrl,
      { unrecorded: true, noBackgroundJobs: true, ...options },
      { log },
    )
    this.#opened.push(volume)
    return volume
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const volume of this.#opened) await volume.close()
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** Format one; small blocks, so that small files have several. */
export async function makeTestVolume(wishes: Partial<FormatWishes> = {}): Promise<TestVolume> {
  const test = new TestVolume(await mkdtemp(join(tmpdir(), 'pomelo-volume-')))
  const setting = newSetting({
    name: 'test-volume',
    storage: 'file',
    bucket: test.bucket,
    blockSize: 64 * 1024,
    compression: 'none',
    shards: 0,
    hashPrefix: false,
    capacity: 0,
    inodes: 0,
    trashDays: 1,
    enableAcl: false,
    encryptAlgo: 'aes256gcm-rsa',
    ...wishes,
  })
  const engine = await openEngine(test.metaUrl, { create: true })
  const store = await openStoreOf(setting, {}, { log: silentLog })
  await claimBucket(store, setting, true)
  await formatVolume(engine, setting)
  store.close()
  await engine.close()
  return test
}

/** Write a file at an absolute path whose directory exists. */
export async function putFile(volume: Volume, path: string, bytes: Uint8Array | string): Promise<number> {
  const { parent, name } = await resolveParent(volume.meta, rootContext(), path)
  async function* parts() {
    yield { offset: 0, bytes: Buffer.from(bytes) }
  }
  return (await writeNewFile(volume, { parent, name, mode: 0o644 }, parts())).ino
}

export async function putDirectory(volume: Volume, path: string): Promise<number> {
  const { parent, name } = await resolveParent(volume.meta, rootContext(), path)
  return (await volume.vfs.mknod(rootContext(), parent, name, { type: TYPE_DIRECTORY, mode: 0o755 })).ino
}

export async function getFile(volume: Volume, path: string): Promise<Buffer> {
  const { ino, node } = await resolvePath(volume.meta, rootContext(), path)
  const whole = Buffer.alloc(node.length)
  for await (const { offset, bytes } of readFileParts(volume, ino)) whole.set(bytes, offset)
  return whole
}

/** Names in a directory. */
export async function namesIn(volume: Volume, path: string): Promise<readonly string[]> {
  const { ino } = await resolvePath(volume.meta, rootContext(), path)
  const { items } = await volume.meta.readdir(rootContext(), ino, { limit: 1000 }, false)
  return items.map(({ name }) => Buffer.from(name, 'latin1').toString())
}
