/**
 * A dump on its way into a file: under another name until it is complete and durable, so that nobody takes half of one
 * for a dump; compressed as the name says.
 */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { constants, createGzip, createZstdCompress } from 'node:zlib'
import type { Sink } from './sink.ts'
import { StreamSink } from './stream-sink.ts'

/** Names of all files, and secrets if they were kept: for nobody else. */
const MODE = 0o600

export class DumpFile implements Sink {
  readonly #path: string
  readonly #temporary: string
  readonly #sink: StreamSink

  /** `path` ends in `.gz`, `.zstd` or `.zst` to be compressed. Nothing exists under it until `finish`. */
  constructor(path: string) {
    this.#path = path
    this.#temporary = `${path}.tmp`
    const file = createWriteStream(this.#temporary, { mode: MODE, flush: true })
    const packer = packerFor(path)
    const written =
      packer === undefined
        ? once(file, 'close').then(() => {
            if (file.errored !== null) throw file.errored
          })
        : pipeline(packer, file)
    this.#sink = new StreamSink(packer ?? file, written)
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#sink.write(bytes)
  }

  /** The file is there under its name, and stays through a power cut. */
  async finish(): Promise<void> {
    await this.#sink.finish()
    await rename(this.#temporary, this.#path)
    const folder = await open(dirname(this.#path), 'r')
    await folder.sync().finally(() => folder.close())
  }

  /** Nothing stays behind. */
  async abandon(): Promise<void> {
    await this.#sink.abandon()
    await rm(this.#temporary, { force: true })
  }
}

function packerFor(path: string) {
  if (path.endsWith('.gz')) return createGzip({ level: constants.Z_BEST_SPEED })
  return /\.zstd?$/.test(path) ? createZstdCompress() : undefined
}
