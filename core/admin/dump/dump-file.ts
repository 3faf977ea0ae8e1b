/**
 * A dump on its way into a file: under another name until it is complete and durable, so that nobody takes half of one
 * for a dump; compressed as the name says.
 */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createGzip, createZstdCompress } from 'node:zlib'
import type { Sink } from './sink.ts'

/** Names of all files, and secrets if they were kept: for nobody else. */
const MODE = 0o600

export class DumpFile implements Sink {
  readonly #path: string
  readonly #temporary: string
  readonly #input: Writable
  readonly #written: Promise<void>

  /** `path` ends in `.gz`, `.zstd` or `.zst` to be compressed. Nothing exists under it until `finish`. */
  constructor(path: string) {
    this.#path = path
    this.#temporary = `${path}.tmp`
    const file = createWriteStream(this.#temporary, { mode: MODE, flush: true })
    const packer = packerFor(path)
    this.#input = packer ?? file
    this.#written =
      packer === undefined
        ? once(file, 'close').then(() => {
            if (file.errored !== null) throw file.errored
          })
        : pipeline(packer, file)
    this.#written.catch(() => {}) // write and finish tell
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#input.errored !== null || this.#input.destroyed) await this.#written
    if (!this.#input.write(bytes)) await Promise.race([once(this.#input, 'drain'), this.#written])
  }

  /** The file is there under its name, and stays through a power cut. */
  async finish(): Promise<void> {
    this.#input.end()
    await this.#written
    await rename(this.#temporary, this.#path)
    const folder = await open(dirname(this.#path), 'r')
    await folder.sync().finally(() => folder.close())
  }

  /** Nothing stays behind. */
  async abandon(): Promise<void> {
    this.#input.destroy()
    await this.#written.catch(() => {})
    await rm(this.#temporary, { force: true })
  }
}

function packerFor(path: string) {
  if (path.endsWith('.gz')) return createGzip({ level: constants.Z_BEST_SPEED })
  return /\.zstd?$/.test(path) ? createZstdCompress() : undefined
}
