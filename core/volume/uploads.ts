/**
 * Files that come in pieces over a conversation of lines: begun, given piece by piece (each answered once it is taken,
 * which is what holds back a fast sender), ended or given up. One that falls silent is given up.
 */
import { rootContext } from '#core/base/context.ts'
import { EEXIST, EISDIR, ENOENT, fail } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import type { Found } from '#core/meta/api.ts'
import { TYPE_DIRECTORY } from '#core/meta/records.ts'
import { type FilePart, writeNewFile } from './files.ts'
import type { Volume } from './open-volume.ts'

const SILENT_MS = 120_000
const MOST = 64
/** An upload is written beside its place and moved there when it is whole. */
const SUFFIX = '.pomelo-upload'

interface Upload {
  readonly parent: Ino
  readonly name: Name
  readonly temporary: Name
  readonly overwrite: boolean
  readonly stop: AbortController
  readonly parts: PieceQueue
  readonly written: Promise<Found>
  silence: NodeJS.Timeout
}

export class Uploads {
  readonly #volume: Volume
  readonly #open = new Map<string, Upload>()
  #count = 0

  constructor(volume: Volume) {
    this.#volume = volume
  }

  /** Errors: EEXIST without `overwrite`, EISDIR. */
  async begin(parent: Ino, name: Name, mode: number, overwrite: boolean): Promise<string> {
    if (this.#open.size >= MOST) throw fail(EEXIST, 'upload', 'too many uploads at a time')
    await this.#checkTarget(parent, name, overwrite)
    const key = String(++this.#count)
    const temporary = `.${name.slice(0, 200)}${SUFFIX}-${process.pid}-${key}`
    const stop = new AbortController()
    const parts = new PieceQueue(stop.signal)
    const written = writeNewFile(
      this.#volume,
      { parent, name: temporary, mode },
      parts.iterate(),
      stop.signal,
    )
    written.catch((error: unknown) => parts.fail(error))
    const silence = setTimeout(() => this.abort(key), SILENT_MS).unref()
    this.#open.set(key, { parent, name, temporary, overwrite, stop, parts, written, silence })
    return key
  }

  /** Resolves when the piece was taken. */
  async add(key: string, bytes: Uint8Array): Promise<void> {
    const upload = this.#get(key)
    upload.silence.refresh()
    await upload.parts.push(bytes)
  }

  /** Errors: ENOENT when it was given up. */
  keep(key: string): void {
    this.#get(key).silence.refresh()
  }

  /** The file is in its place when this resolves. */
  async end(key: string): Promise<void> {
    const upload = this.#get(key)
    const { parent, name, temporary, overwrite } = upload
    try {
      upload.parts.end()
      const { ino } = await upload.written
      await this.#giveToUser(ino)
      await this.#checkTarget(parent, name, overwrite)
      await this.#volume.vfs.rename(rootContext(), parent, temporary, parent, name, overwrite ? 0 : 1)
    } catch (error) {
      await this.#volume.vfs.unlink(rootContext(), parent, temporary, { skipTrash: true }).catch(() => {})
      throw error
    } finally {
      this.#forget(key)
    }
  }

  abort(key: string): void {
    const upload = this.#open.get(key)
    this.#forget(key)
    upload?.stop.abort(new DOMException('the upload was given up', 'AbortError'))
  }

  /** What comes through this process is its user's, not root's. */
  async #giveToUser(ino: Ino): Promise<void> {
    const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0]
    if (uid !== 0) await this.#volume.vfs.setattr(rootContext(), ino, { uid, gid })
  }

  #get(key: string): Upload {
    const upload = this.#open.get(key)
    if (upload === undefined) throw fail(ENOENT, 'upload', 'it was given up')
    return upload
  }

  #forget(key: string): void {
    clearTimeout(this.#open.get(key)?.silence)
    this.#open.delete(key)
  }

  async #checkTarget(parent: Ino, name: Name, overwrite: boolean): Promise<void> {
    const there = await this.#volume.meta.lookup(rootContext(), parent, name)
    if (there === undefined) return
    if (there.node.type === TYPE_DIRECTORY) throw fail(EISDIR, 'upload', 'a folder has that name')
    if (!overwrite) throw fail(EEXIST, 'upload', 'there is a file of that name')
  }
}

/** One piece at a time between who gives and who takes. */
class PieceQueue {
  #next = Promise.withResolvers<Uint8Array | undefined>()
  #taken = Promise.withResolvers<void>()
  #offset = 0

  constructor(signal: AbortSignal) {
    for (const each of [this.#next.promise, this.#taken.promise]) each.catch(() => {})
    signal.addEventListener('abort', () => this.fail(signal.reason), { once: true })
  }

  async push(bytes: Uint8Array): Promise<void> {
    const taken = this.#taken.promise
    this.#next.resolve(bytes)
    await taken
  }

  end(): void {
    this.#next.resolve(undefined)
  }

  fail(error: unknown): void {
    this.#next.reject(error)
    this.#taken.reject(error)
  }

  async *iterate(): AsyncGenerator<FilePart> {
    for (;;) {
      const bytes = await this.#next.promise
      if (bytes === undefined) return
      yield { offset: this.#offset, bytes }
      this.#offset += bytes.length
      const { resolve } = this.#taken
      this.#next = Promise.withResolvers()
      this.#taken = Promise.withResolvers()
      for (const each of [this.#next.promise, this.#taken.promise]) each.catch(() => {})
      resolve()
    }
  }
}
