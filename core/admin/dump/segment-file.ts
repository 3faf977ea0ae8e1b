/**
 * A binary dump to read in any order. What comes as a stream goes through a temporary file, which has no name any more
 * while it is used.
 */
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Refusal } from '#core/base/refusal.ts'
import { damaged } from './json-entry.ts'
import { type FieldValue, fieldsOf, varintsOf } from './protobuf.ts'
import { HEADER_BYTES, MAGIC, SEGMENT_TYPES, type SegmentName, VERSION } from './segments.ts'

export interface Segment {
  readonly name: SegmentName
  readonly offset: number
  readonly length: number
}

/** What a binary dump holds, by its footer. */
export interface Contents {
  readonly version: number
  readonly kinds: readonly {
    readonly name: string
    readonly records: number
    /** Where its segments begin, in bytes. */
    readonly offsets: readonly number[]
  }[]
}

/** A segment is read whole: more than any client writes at a time. */
const LARGEST_SEGMENT = 2 ** 30
const NAMES = new Map<number, SegmentName>(
  Object.entries(SEGMENT_TYPES).map(([name, type]) => [type, name as SegmentName]),
)

export class SegmentFile {
  readonly #file: FileHandle

  constructor(file: FileHandle) {
    this.#file = file
  }

  /** Every segment of a type this client knows, in their order. Throws Refusal when the file is not complete. */
  async segments(): Promise<readonly Segment[]> {
    const { size } = await this.#file.stat()
    const segments: Segment[] = []
    for (let at = 0; ; ) {
      const type = (await this.#read(at, 4, size)).readUInt32BE()
      if (type === MAGIC) {
        await this.#checkFooter(at + 4, size)
        return segments
      }
      const length = Number((await this.#read(at + 4, 8, size)).readBigUInt64BE())
      const offset = at + HEADER_BYTES
      if (length > LARGEST_SEGMENT || offset + length > size) throw damaged('a segment without an end')
      const name = NAMES.get(type)
      if (name !== undefined) segments.push({ name, offset, length })
      at = offset + length
    }
  }

  async message({ offset, length }: Segment): Promise<Buffer> {
    return this.#read(offset, length, offset + length)
  }

  /** The segment that begins at `at`, as the footer gives places. */
  async segmentAt(at: number): Promise<Segment> {
    const found = (await this.segments()).find(({ offset }) => offset === at + HEADER_BYTES)
    if (found === undefined) throw new Refusal(`no segment begins at ${at}`, '--offset -1 lists their places')
    return found
  }

  /** What the footer says: how many records of each kind there are, and where their segments begin. */
  async contents(): Promise<Contents> {
    const { size } = await this.#file.stat()
    const length = Number((await this.#read(size - 8, 8, size)).readBigUInt64BE())
    const fields = [...fieldsOf(await this.#read(size - 8 - length, length, size))]
    const field = (wanted: number) => fields.find(([number]) => number === wanted)?.[1]
    if (field(1) !== MAGIC) throw damaged('its footer is another file’s')
    const version = field(2)
    if (version !== VERSION) throw damaged(`it has version ${String(version)}, this client knows ${VERSION}`)
    const kinds = fields.filter(([number]) => number === 3).map(([, entry]) => kindOf(asBytes(entry)))
    return { version, kinds }
  }

  async #checkFooter(at: number, size: number): Promise<void> {
    const length = Number((await this.#read(size - 8, 8, size)).readBigUInt64BE())
    if (size - 8 - length !== at) throw damaged('its footer is not where it should be')
    await this.contents()
  }

  async #read(at: number, length: number, size: number): Promise<Buffer> {
    if (at + length > size || at < 0) throw damaged('it ends too early')
    const buffer = Buffer.allocUnsafe(length)
    for (let done = 0; done < length; ) {
      const { bytesRead } = await this.#file.read(buffer, done, length - done, at + done)
      if (bytesRead === 0) throw damaged('it ends too early')
      done += bytesRead
    }
    return buffer
  }
}

/** An entry of the footer's map, which is a message of its own. */
function kindOf(entry: Buffer): Contents['kinds'][number] {
  const fields = new Map(fieldsOf(entry))
  const info = new Map(fieldsOf(asBytes(fields.get(2))))
  const offsets = info.get(1)
  return {
    name: asBytes(fields.get(1)).toString(),
    // A single number is not packed by every writer.
    offsets: Buffer.isBuffer(offsets)
      ? [...varintsOf(offsets)].map(Number)
      : offsets === undefined
        ? []
        : [Number(offsets)],
    records: Number(info.get(2) ?? 0),
  }
}

function asBytes(value: FieldValue | undefined): Buffer {
  if (Buffer.isBuffer(value)) return value
  if (value === undefined) return Buffer.alloc(0)
  throw damaged('its footer has numbers where bytes should be')
}

/** Give `bytes` to `work` as a file, which is gone afterwards. */
export async function withRandomAccess<T>(
  bytes: AsyncIterable<Uint8Array>,
  work: (file: SegmentFile) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'pomelo-load-'))
  let file: FileHandle
  try {
    file = await open(join(folder, 'dump'), 'wx+', 0o600)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  try {
    for await (const piece of bytes) await file.appendFile(piece)
    return await work(new SegmentFile(file))
  } finally {
    await file.close()
  }
}
