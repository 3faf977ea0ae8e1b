/** The bytes of a dump, from a file or a stream, unpacked by what they begin with, whatever the name says. */
import { type Duplex, pipeline, Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { peek } from '#core/object/streams.ts'
import { damaged } from './json-entry.ts'

export type DumpFormat = 'json' | 'binary'

export interface DumpSource {
  readonly format: DumpFormat
  /** Read once. */
  readonly bytes: AsyncIterable<Uint8Array>
}

const PEEK = 4
/** Type of the first segment of a binary dump, the setting; big-endian. */
const BINARY_START = Buffer.from([0, 0, 0, 1])

/** What an encrypted dump is opened with. */
export type Unseal = (sealed: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>

/** Throws Refusal for what is no dump. With `unseal` it may be sealed; a plain one is taken all the same. */
export async function openSource(packed: AsyncIterable<Uint8Array>, unseal?: Unseal): Promise<DumpSource> {
  const outer = await peek(packed, PEEK)
  const unpacker = unpackerFor(outer.head)
  if (unpacker !== undefined) {
    const unpacked = await peek(throughUnpacker(outer.bytes, unpacker), PEEK)
    return { format: formatOf(unpacked.head), bytes: unpacked.bytes }
  }
  if (unseal !== undefined && knownFormat(outer.head) === undefined) return openSource(unseal(outer.bytes))
  return { format: formatOf(outer.head), bytes: outer.bytes }
}

/** The text of a JSON dump, in pieces. */
export async function* textOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const decode = (piece?: Uint8Array) => {
    try {
      return decoder.decode(piece, { stream: piece !== undefined })
    } catch (cause) {
      throw damaged('it is no UTF-8 text', cause)
    }
  }
  for await (const piece of bytes) yield decode(piece)
  yield decode()
}

function formatOf(head: Uint8Array): DumpFormat {
  const format = knownFormat(head)
  if (format === undefined)
    throw damaged('it begins like no dump; one of an encrypted bucket needs its key (--encrypt-rsa-key)')
  return format
}

function knownFormat(head: Uint8Array): DumpFormat | undefined {
  if (Buffer.compare(head, BINARY_START) === 0) return 'binary'
  return /^\s*\{/.test(Buffer.from(head).toString('latin1')) ? 'json' : undefined
}

function unpackerFor(head: Uint8Array): Duplex | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return createGunzip()
  if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd)
    return createZstdDecompress()
  return undefined
}

async function* throughUnpacker(
  bytes: AsyncIterable<Uint8Array>,
  unpacker: Duplex,
): AsyncGenerator<Uint8Array> {
  // Its failures come out of the unpacker, which it destroys.
  pipeline(Readable.from(bytes, { objectMode: false }), unpacker, () => {})
  try {
    yield* unpacker as AsyncIterable<Uint8Array>
  } catch (error) {
    const code = String((error as NodeJS.ErrnoException).code)
    if (/^(Z_|ZSTD_|ERR_ZSTD|ERR_ZLIB)/.test(code)) throw damaged('it does not unpack', error)
    throw error
  }
}
