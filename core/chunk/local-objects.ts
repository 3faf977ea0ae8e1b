/**
 * Blocks whose objects are files of this machine, on the very disk that a cache would use: they are read where they
 * are, through open files, as cached blocks are. A copy would cost time and room, and be no faster.
 *
 * Whatever goes wrong here is left to the object store, which says what it is.
 */
import * as fs from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import type { Clock } from '#core/base/clock.ts'
import type { Log } from '#core/base/log.ts'
import type { Counter, Metrics } from '#core/base/metrics.ts'
import { TaskSet } from '#core/base/tasks.ts'
import type { ObjectStore } from '#core/object/store.ts'
import type { FileRange } from './api.ts'
import { readPart } from './cache/block-file.ts'
import { OpenFile, OpenFiles } from './cache/open-files.ts'
import { type BlockId, type BlockName, blockId, type Geometry } from './geometry.ts'

const open = promisify(fs.open)
const read = promisify(fs.read)

/** Blocks up to this are read whole and kept in memory: an open file for each would cost more. */
const SMALL = 128 * 1024
const OPEN_FILES = 256
const NOWHERE = Buffer.alloc(1024 * 1024)
/** After so long without a read all files are closed: an open one keeps its space when another client removes it. */
const IDLE_MS = 30_000

export interface LocalObjectsOptions {
  readonly store: ObjectStore
  readonly geometry: Geometry
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
}

export class LocalObjects {
  readonly #options: LocalObjectsOptions
  readonly #files = new OpenFiles(OPEN_FILES)
  readonly #tasks: TaskSet
  readonly #stop = new AbortController()
  readonly #reads: Counter
  readonly #readBytes: Counter
  #watched = false

  constructor(options: LocalObjectsOptions) {
    this.#options = options
    this.#tasks = new TaskSet(options.log)
    this.#reads = options.metrics.counter('object_local_reads')
    this.#readBytes = options.metrics.counter('object_local_read_bytes')
  }

  /** See `BlockStore.peekFile`. @hot */
  peekFile(id: BlockId, offset: number, length: number): FileRange | undefined {
    const file = this.#files.get(id)
    if (file === undefined) return undefined
    this.#count(length)
    file.hold()
    return { fd: file.fd, offset, length, done: () => file.letGo() }
  }

  /** Part of a block; undefined when the object store is to be asked. */
  async read(name: BlockName, offset: number, length: number): Promise<Uint8Array | undefined> {
    const file = await this.#open(name)
    if (file === undefined) return undefined
    file.hold()
    try {
      const bytes = await readPart(file, offset, length, 'none')
      this.#count(length)
      return bytes
    } catch {
      this.forget(blockId(name.slice, name.index))
      return undefined
    } finally {
      file.letGo()
    }
  }

  takes(name: BlockName): boolean {
    return name.size > SMALL
  }

  /** Open a block's file in the background, and have the kernel bring its pages in. */
  prepare(name: BlockName): void {
    if (this.#tasks.size >= OPEN_FILES || this.#stop.signal.aborted) return
    this.#tasks.start('open of an object', async () => {
      const file = await this.#open(name)
      if (file !== undefined) await readAhead(file)
    })
  }

  /** The object goes, or cannot be read. */
  forget(id: BlockId): void {
    this.#files.delete(id)
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#tasks.drain()
    this.#files.clear()
  }

  #count(length: number): void {
    this.#reads.add()
    this.#readBytes.add(length)
  }

  async #open(name: BlockName): Promise<OpenFile | undefined> {
    const id = blockId(name.slice, name.index)
    const known = this.#files.get(id)
    if (known !== undefined || !this.takes(name)) return known
    const { store, geometry } = this.#options
    const path = store.localPath?.(geometry.key(name.slice, name.index, name.size))
    if (path === undefined) return undefined
    try {
      const fd = await open(path, fs.constants.O_RDONLY)
      const stats = fs.fstatSync(fd)
      const file = new OpenFile(fd, name.size, stats, undefined)
      if (stats.size === name.size && !this.#stop.signal.aborted) return this.#keep(id, file)
      file.close()
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EMFILE' || code === 'ENFILE') this.#files.halve()
    }
    return undefined
  }

  #keep(id: BlockId, file: OpenFile): OpenFile {
    if (!this.#watched) {
      this.#watched = true
      this.#tasks.start('idle objects', () => this.#closeIdle())
    }
    return this.#files.put(id, file)
  }

  async #closeIdle(): Promise<void> {
    const { clock } = this.#options
    for (let before = -1; before !== this.#reads.value; ) {
      before = this.#reads.value
      await clock.sleep(IDLE_MS, this.#stop.signal).catch(() => {})
    }
    this.#files.clear()
    this.#watched = false
  }
}

/** Into memory that nobody looks at: what counts is that the kernel has read it. A failure is its reader's to meet. */
async function readAhead(file: OpenFile): Promise<void> {
  file.hold()
  try {
    for (let at = 0; at < file.size; at += NOWHERE.length) await read(file.fd, NOWHERE, 0, NOWHERE.length, at)
  } catch {
  } finally {
    file.letGo()
  }
}

/** Whether the objects of `store` are files beside `folders`: on the same device as all of them. */
export async function liesBeside(
  store: ObjectStore,
  key: string,
  folders: readonly string[],
): Promise<boolean> {
  const path = store.localPath?.(key)
  if (path === undefined) return false
  const [own, ...others] = await Promise.all([path, ...folders].map(deviceOf))
  return own !== undefined && others.every((device) => device === own)
}

/** Device number of a path, or of the nearest folder above it that there is. */
async function deviceOf(path: string): Promise<number | undefined> {
  for (let at = path; ; at = dirname(at)) {
    const found = await stat(at).catch(() => undefined)
    if (found !== undefined) return found.dev
    if (at === dirname(at)) return undefined
  }
}
