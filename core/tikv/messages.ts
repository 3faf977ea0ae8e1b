/** Small things that messages of PD and of stores have in common. Field numbers: shared/spec/tikv-client.md. */
import { type FieldValue, fieldsOf, MessageWriter, varintsOf } from '#core/base/protobuf.ts'

/** A message as a map of its last value a field, and of all values of the fields that repeat. */
export function parse(message: Buffer | undefined): Message {
  return new Message(message ?? Buffer.alloc(0))
}

export class Message {
  readonly #fields = new Map<number, FieldValue[]>()

  constructor(message: Buffer) {
    for (const [field, value] of fieldsOf(message)) {
      const values = this.#fields.get(field)
      if (values === undefined) this.#fields.set(field, [value])
      else values.push(value)
    }
  }

  has(field: number): boolean {
    return this.#fields.has(field)
  }

  get fields(): readonly number[] {
    return [...this.#fields.keys()]
  }

  number(field: number): number {
    return Number(this.#fields.get(field)?.at(-1) ?? 0)
  }

  bigint(field: number): bigint {
    const value = this.#fields.get(field)?.at(-1)
    return typeof value === 'object' || value === undefined ? 0n : BigInt(value)
  }

  bytes(field: number): Buffer {
    const value = this.#fields.get(field)?.at(-1)
    return Buffer.isBuffer(value) ? value : Buffer.alloc(0)
  }

  text(field: number): string {
    return this.bytes(field).toString('utf8')
  }

  key(field: number): string {
    return this.bytes(field).toString('latin1')
  }

  message(field: number): Message | undefined {
    const value = this.#fields.get(field)?.at(-1)
    return Buffer.isBuffer(value) ? new Message(value) : undefined
  }

  /** Numbers of a repeated field. */
  packed(field: number): readonly bigint[] {
    return this.each(field).flatMap((bytes) => [...varintsOf(bytes)].map(BigInt))
  }

  each(field: number): readonly Buffer[] {
    return (this.#fields.get(field) ?? []).filter((value) => Buffer.isBuffer(value))
  }
}

/** Build a message. */
export function write(fill: (writer: MessageWriter) => void): Buffer {
  const writer = new MessageWriter()
  fill(writer)
  return writer.take()
}

export interface Peer {
  readonly id: bigint
  readonly storeId: bigint
}

export interface RegionMeta {
  readonly id: bigint
  readonly confVer: bigint
  readonly version: bigint
  /** In PD's form. */
  readonly startKey: Buffer
  readonly endKey: Buffer
  readonly peers: readonly Peer[]
}

export function peerFrom(message: Message): Peer {
  return { id: message.bigint(1), storeId: message.bigint(2) }
}

export function regionFrom(message: Message): RegionMeta {
  const epoch = message.message(4)
  return {
    id: message.bigint(1),
    startKey: message.bytes(2),
    endKey: message.bytes(3),
    confVer: epoch?.bigint(1) ?? 0n,
    version: epoch?.bigint(2) ?? 0n,
    peers: message.each(5).map((peer) => peerFrom(new Message(peer))),
  }
}
