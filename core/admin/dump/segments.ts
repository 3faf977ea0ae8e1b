/**
 * The frame of a binary dump: segments, an end mark, a footer with the place of every segment. Numbers of the frame
 * are big-endian. Source: admin-tools.md §9.3.
 *
 *   u32 type  u64 length  message      once for each segment
 *   u32 0x00747083
 *   message Footer  u64 its length
 */
import { MessageWriter } from './protobuf.ts'
import type { Sink } from './sink.ts'

export const MAGIC = 0x747083
export const VERSION = 1
export const HEADER_BYTES = 12

/** Types of segments. */
export const SEGMENT_TYPES = {
  format: 1,
  counter: 2,
  node: 3,
  edge: 4,
  chunk: 5,
  sliceRef: 6,
  symlink: 7,
  sustained: 8,
  delFile: 9,
  xattr: 10,
  acl: 11,
  stat: 12,
  quota: 13,
  parent: 14,
  changeLog: 15,
} as const

export type SegmentName = keyof typeof SEGMENT_TYPES

/** Fields of the message Batch, one of which a segment fills. */
export const BATCH_FIELDS = {
  node: 1,
  edge: 2,
  chunk: 3,
  sliceRef: 4,
  xattr: 5,
  parent: 6,
  symlink: 7,
  sustained: 8,
  delFile: 9,
  stat: 10,
  dirQuota: 11,
  acl: 12,
  counter: 13,
  userQuota: 15,
  groupQuota: 16,
} as const

export type BatchField = keyof typeof BATCH_FIELDS

/** Bytes of records that make a segment. */
const SEGMENT_BYTES = 512 * 1024

interface Segments {
  readonly offsets: number[]
  count: number
}

export class SegmentWriter {
  readonly #sink: Sink
  readonly #batches = new Map<string, { readonly name: SegmentName; readonly message: MessageWriter }>()
  readonly #written = new Map<SegmentName, Segments>()
  readonly #item = new MessageWriter()
  #offset = 0

  constructor(sink: Sink) {
    this.#sink = sink
  }

  async format(json: string): Promise<void> {
    this.#segments('format').count = 1
    await this.#write('format', new MessageWriter().bytes(1, Buffer.from(json)).take())
  }

  /** One record, as `build` writes its message. Records of one `group` share segments with no other's. */
  add(name: SegmentName, field: BatchField, build: (message: MessageWriter) => void, group = ''): void {
    const key = name + group
    let batch = this.#batches.get(key)
    if (batch === undefined) this.#batches.set(key, (batch = { name, message: new MessageWriter() }))
    build(this.#item)
    batch.message.item(BATCH_FIELDS[field], this.#item.take())
    this.#segments(name).count++
  }

  /** Await this often: full segments go out. */
  async settle(): Promise<void> {
    for (const { name, message } of this.#batches.values())
      if (message.length >= SEGMENT_BYTES) await this.#write(name, message.take())
  }

  /** What is left, the end mark and the footer. */
  async finish(): Promise<void> {
    for (const { name, message } of this.#batches.values())
      if (message.length > 0) await this.#write(name, message.take())
    const mark = Buffer.alloc(4)
    mark.writeUInt32BE(MAGIC)
    await this.#sink.write(mark)
    const footer = new MessageWriter().number(1, MAGIC).number(2, VERSION)
    for (const [name, { offsets, count }] of this.#written) {
      const info = new MessageWriter().packed(1, offsets).number(2, count).take()
      footer.item(3, new MessageWriter().bytes(1, Buffer.from(name)).bytes(2, info).take())
    }
    const bytes = footer.take()
    const length = Buffer.alloc(8)
    length.writeBigUInt64BE(BigInt(bytes.length))
    await this.#sink.write(Buffer.concat([bytes, length]))
  }

  async #write(name: SegmentName, message: Buffer): Promise<void> {
    this.#segments(name).offsets.push(this.#offset)
    const header = Buffer.alloc(HEADER_BYTES)
    header.writeUInt32BE(SEGMENT_TYPES[name])
    header.writeBigUInt64BE(BigInt(message.length), 4)
    // A copy: the writer's memory is used again while a stream may still hold what it was given.
    await this.#sink.write(Buffer.concat([header, message]))
    this.#offset += HEADER_BYTES + message.length
  }

  #segments(name: SegmentName): Segments {
    let segments = this.#written.get(name)
    if (segments === undefined) this.#written.set(name, (segments = { offsets: [], count: 0 }))
    return segments
  }
}
