/**
 * Requests to one store over one stream instead of a call each: what is sent in the same turn is one message, answers come
 * in any order. A call of its own costs several times as much on both sides (headers, flow control, a stream).
 *
 * Source: tikvpb.proto, BatchCommands; numbers of commands: BatchCommandsRequest.Request.
 */
import { fieldsOf, varintsOf } from '#core/base/protobuf.ts'
import { CallError, type Channel, type Stream } from './channel.ts'
import { write } from './messages.ts'

const METHOD = '/tikvpb.Tikv/BatchCommands'
const COMMANDS: Readonly<Record<string, number>> = {
  KvGet: 1,
  KvScan: 2,
  KvPrewrite: 3,
  KvCommit: 4,
  KvBatchGet: 7,
  KvBatchRollback: 8,
  KvResolveLock: 10,
  KvCheckTxnStatus: 25,
  KvCheckSecondaryLocks: 33,
}
/** A request of which the stream says nothing for so long is asked in another way. */
const ANSWER_MS = 5_000
/** Requests of one message, at most. */
const MAX_BATCH = 128

interface Pending {
  resolve(reply: Buffer): void
  reject(error: CallError): void
  readonly timer: NodeJS.Timeout
}

/** The channel with its commands on a stream, where the store serves that. */
export function batched(channel: Channel): Channel {
  const commands = new BatchCommands(channel)
  return {
    address: channel.address,
    async call(method, request, timeoutMs) {
      const command = COMMANDS[method.slice(method.lastIndexOf('/') + 1)]
      if (command !== undefined && commands.served) {
        try {
          return await commands.call(command, request, Math.min(timeoutMs, ANSWER_MS))
        } catch (error) {
          if (!(error instanceof CallError && error.unimplemented)) throw error
        }
      }
      return channel.call(method, request, timeoutMs)
    },
    open: (method, events) => channel.open(method, events),
    close() {
      commands.close()
      channel.close()
    },
  }
}

class BatchCommands {
  readonly #channel: Channel
  readonly #pending = new Map<number, Pending>()
  #outgoing: { readonly id: number; readonly request: Buffer }[] = []
  #stream: Stream | undefined
  #lastId = 0
  served = true

  constructor(channel: Channel) {
    this.#channel = channel
  }

  /** Rejects CallError when there is no answer in time, or the stream ends before. */
  call(command: number, request: Buffer, timeoutMs: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      const timer = setTimeout(() => {
        this.#pending.delete(id)
        reject(CallError.because(this.#channel.address, `no answer within ${timeoutMs} ms`))
      }, timeoutMs)
      this.#pending.set(id, { resolve, reject, timer })
      const one = write((writer) => writer.item(command, request))
      if (this.#outgoing.push({ id, request: one }) === 1) queueMicrotask(() => this.#flush())
      else if (this.#outgoing.length >= MAX_BATCH) this.#flush()
    })
  }

  close(): void {
    this.#stream?.end()
    this.#fail(CallError.because(this.#channel.address, 'the connection has been closed'))
  }

  #flush(): void {
    const batch = this.#outgoing
    if (batch.length === 0) return
    this.#outgoing = []
    const message = write((writer) => {
      for (const { request } of batch) writer.item(1, request)
      writer.packed(
        2,
        batch.map(({ id }) => id),
      )
    })
    this.#open().write(message)
  }

  #open(): Stream {
    if (this.#stream !== undefined) return this.#stream
    const stream = this.#channel.open(METHOD, {
      message: (bytes) => this.#answer(bytes),
      ended: (error) => {
        if (this.#stream === stream) this.#stream = undefined
        if (error instanceof CallError && error.unimplemented) this.served = false
        this.#fail(error)
      },
    })
    this.#stream = stream
    return stream
  }

  /** @hot */
  #answer(bytes: Buffer): void {
    const replies: Buffer[] = []
    const ids: number[] = []
    for (const [field, value] of fieldsOf(bytes)) {
      if (field === 1) replies.push(value as Buffer)
      else if (field === 2 && Buffer.isBuffer(value)) for (const id of varintsOf(value)) ids.push(Number(id))
      else if (field === 2) ids.push(Number(value))
    }
    for (const [k, id] of ids.entries()) {
      const pending = this.#take(id)
      if (pending === undefined || replies[k] === undefined) continue
      const [command] = fieldsOf(replies[k])
      pending.resolve(Buffer.isBuffer(command?.[1]) ? command[1] : Buffer.alloc(0))
    }
  }

  #fail(error: Error): void {
    const lost = error instanceof CallError ? error : CallError.because(this.#channel.address, error.message)
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(lost)
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    if (pending === undefined) return undefined
    this.#pending.delete(id)
    clearTimeout(pending.timer)
    return pending
  }
}
