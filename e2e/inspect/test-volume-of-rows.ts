/**
 * A volume of a million files without writing one: rows straight into a formatted SQLite file, and a bucket that is only a
 * listing. File `k` has one chunk with one slice of one block, whose number is `k + 1`, in one of a thousand folders.
 */
import Database from 'better-sqlite3'
import { BackendError } from '#core/base/errno.ts'
import type { Geometry } from '#core/chunk/geometry.ts'
import { encodeSlices } from '#core/meta/slices.ts'
import type { ObjectInfo, ObjectStore, RequestOptions } from '#core/object/store.ts'

export const FOLDERS = 1000
const FIRST_INO = 2
/** 2026-01-01 in microseconds. */
const TIME = 1_767_225_600_000_000

export const folderIno = (folder: number): number => FIRST_INO + folder
export const fileIno = (file: number): number => FIRST_INO + FOLDERS + file
export const sizeOf = (file: number): number => 1 + ((file * 7919) % 65536)

/** Fill the tables of a volume that was just formatted; returns its UUID. */
export function fillMetadata(path: string, files: number): string {
  const db = new Database(path)
  db.pragma('synchronous = OFF')
  const node = db.prepare(
    'INSERT INTO jfs_node (inode, type, flags, mode, uid, gid, atime, mtime, ctime, nlink, length, rdev, parent) VALUES (?, ?, 0, 420, ?, 0, ?, ?, ?, ?, ?, 0, ?)',
  )
  const edge = db.prepare('INSERT INTO jfs_edge (parent, name, inode, type) VALUES (?, ?, ?, ?)')
  const chunk = db.prepare('INSERT INTO jfs_chunk (inode, indx, slices) VALUES (?, 0, ?)')
  const ref = db.prepare('INSERT INTO jfs_chunk_ref (chunkid, size, refs) VALUES (?, ?, 1)')
  db.transaction(() => {
    for (let k = 0; k < FOLDERS; k++) {
      node.run(folderIno(k), 2, 0, TIME, TIME, TIME, 2, 4096, 1)
      edge.run(1, Buffer.from(`folder ${k}`), folderIno(k), 2)
    }
    for (let k = 0; k < files; k++) {
      const size = sizeOf(k)
      node.run(fileIno(k), 1, k % 10, TIME, TIME, TIME, 1, size, folderIno(k % FOLDERS))
      edge.run(folderIno(k % FOLDERS), Buffer.from(`file ${k}.bin`), fileIno(k), 1)
      chunk.run(fileIno(k), Buffer.from(encodeSlices([{ pos: 0, id: k + 1, size, off: 0, len: size }])))
      ref.run(k + 1, size)
    }
    db.prepare("UPDATE jfs_counter SET value = ? WHERE name = 'nextChunk'").run(files + 1)
    db.prepare("UPDATE jfs_counter SET value = ? WHERE name = 'nextInode'").run(fileIno(files))
  })()
  const format = db.prepare("SELECT value FROM jfs_setting WHERE name = 'format'").pluck().get() as string
  db.close()
  return (JSON.parse(format) as { UUID: string }).UUID
}

/** Lists what the metadata name, and holds nothing. */
export class ListedStore implements ObjectStore {
  readonly address = 'generated'
  readonly canReadRange = true
  readonly #geometry: Geometry
  readonly #files: number

  constructor(geometry: Geometry, files: number) {
    this.#geometry = geometry
    this.#files = files
  }

  /** In the order of keys: folders of a million and of a thousand, as text. */
  async *list(prefix: string, options?: RequestOptions & { after?: string }): AsyncGenerator<ObjectInfo> {
    const thousands = Array.from({ length: Math.ceil((this.#files + 1) / 1000) }, (_, k) => k)
    const folderOf = (k: number) => `${Math.floor(k / 1000)}/${k}/`
    for (const thousand of thousands.sort((a, b) => (folderOf(a) < folderOf(b) ? -1 : 1))) {
      const objects: ObjectInfo[] = []
      for (let slice = Math.max(1, thousand * 1000); slice < (thousand + 1) * 1000; slice++)
        if (slice <= this.#files) objects.push(this.#info(slice))
      for (const info of objects.sort((a, b) => (a.key < b.key ? -1 : 1)))
        if (info.key.startsWith(prefix) && info.key > (options?.after ?? '')) yield info
    }
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const name = this.#geometry.parse(key)
    if (name === undefined || name.slice > this.#files) return undefined
    const info = this.#info(name.slice)
    return info.key === key ? info : undefined
  }

  #info(slice: number): ObjectInfo {
    const size = sizeOf(slice - 1)
    return { key: this.#geometry.key(slice, 0, size), size, mtimeMs: TIME / 1000 }
  }

  async get(key: string): Promise<Uint8Array> {
    throw new BackendError('not-found', key)
  }

  async put(): Promise<void> {
    throw new BackendError('denied', 'a listing takes no objects')
  }

  async putStream(): Promise<void> {
    return this.put()
  }

  async *getStream(key: string): AsyncGenerator<Uint8Array> {
    yield await this.get(key)
  }

  async delete(): Promise<void> {
    throw new BackendError('denied', 'a listing has no objects')
  }

  async sync(): Promise<void> {}
  async create(): Promise<void> {}
  close(): void {}
}
