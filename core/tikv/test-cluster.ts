/**
 * For tests: a cluster of one PD and one store in this process, for what the stand-in of shared/tikvmock does not have:
 * async commits, TLS, other members, odd answers. It serves no BatchCommands, as stores of old. Percolator by the book
 * of shared/spec/tikv-client.md §2 to §4, in memory.
 */
import { Server, ServerCredentials, type ServerDuplexStream, type sendUnaryData } from '@grpc/grpc-js'
import type { MessageWriter } from '#core/base/protobuf.ts'
import { encodeKey, type Key, keyToBytes } from './keys.ts'
import { OP_DEL, OP_INSERT, OP_LOCK } from './kv-messages.ts'
import { Message, write } from './messages.ts'
import { composeTimestamp, extractPhysical, MAX_TIMESTAMP, type Timestamp } from './timestamp.ts'

interface Lock {
  readonly startTs: Timestamp
  readonly primary: Key
  readonly op: number
  readonly value: Buffer
  readonly ttlMs: number
  readonly async: boolean
  minCommitTs: Timestamp
  readonly secondaries: readonly Key[]
}

interface Write {
  readonly startTs: Timestamp
  /** Of a roll-back, the start timestamp. */
  readonly commitTs: Timestamp
  readonly op: number | 'rollback'
  readonly value: Buffer
}

interface Cell {
  lock: Lock | undefined
  /** Newest first. */
  readonly writes: Write[]
}

export interface ClusterChoices {
  readonly clusterId?: bigint
  /** Regions end there. */
  readonly splits?: readonly Key[]
  readonly credentials?: ServerCredentials
  /** A store that answers every read with this error of a key. */
  readonly abort?: string
  /** Where PD says that the store is: with nobody there. */
  readonly storeAddress?: string
  /** Without single-phase commits, so that async ones are seen. */
  readonly noOnePc?: boolean
}

const VERSION = Buffer.from('8.5.3')
const asIs = (bytes: Buffer): Buffer => bytes
type Handler = (request: Message) => Buffer

export class TestCluster {
  readonly #choices: ClusterChoices
  readonly #server = new Server()
  readonly #cells = new Map<Key, Cell>()
  #last: Timestamp = 0n
  #maxTs: Timestamp = 0n
  #port = 0

  private constructor(choices: ClusterChoices) {
    this.#choices = choices
  }

  static async start(choices: ClusterChoices = {}): Promise<TestCluster> {
    const cluster = new TestCluster(choices)
    await cluster.#start()
    return cluster
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  get locks(): number {
    return [...this.#cells.values()].filter(({ lock }) => lock !== undefined).length
  }

  stop(): void {
    this.#server.forceShutdown()
  }

  async #start(): Promise<void> {
    const unary = (service: string, handlers: Readonly<Record<string, Handler>>): void => {
      for (const [name, handler] of Object.entries(handlers))
        this.#server.register(
          `/${service}/${name}`,
          (call: { request: Buffer }, callback: sendUnaryData<Buffer>) =>
            callback(null, handler(new Message(call.request))),
          asIs,
          asIs,
          'unary',
        )
    }
    unary('pdpb.PD', this.#pdHandlers())
    unary('tikvpb.Tikv', this.#storeHandlers())
    this.#server.register(
      '/pdpb.PD/Tso',
      (stream: ServerDuplexStream<Buffer, Buffer>) => {
        stream.on('data', (bytes: Buffer) => stream.write(this.#tso(new Message(bytes))))
        stream.on('end', () => stream.end())
        stream.on('error', () => {})
      },
      asIs,
      asIs,
      'bidi',
    )
    const credentials = this.#choices.credentials ?? ServerCredentials.createInsecure()
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', credentials, (error, port) =>
        error === null ? resolve(port) : reject(error),
      )
    })
  }

  get #header(): Buffer {
    return write((writer) => writer.number(1, this.#choices.clusterId ?? 7n))
  }

  #now(count = 1): Timestamp {
    const now = composeTimestamp(Date.now(), 0)
    this.#last = max(now, this.#last) + BigInt(count)
    return this.#last
  }

  #tso(request: Message): Buffer {
    const count = request.number(2)
    const last = this.#now(count)
    const physical = extractPhysical(last)
    const logical = last - composeTimestamp(physical, 0)
    return write((writer) =>
      writer
        .bytes(1, this.#header)
        .number(2, count)
        .item(
          3,
          write((timestamp) => timestamp.number(1, physical).number(2, logical)),
        ),
    )
  }

  #pdHandlers(): Readonly<Record<string, Handler>> {
    const peer = write((writer) => writer.number(1, 1).number(2, 1))
    const store = (): Buffer =>
      write((writer) =>
        writer
          .number(1, 1)
          .bytes(2, Buffer.from(this.#choices.storeAddress ?? this.address))
          .bytes(5, VERSION),
      )
    return {
      GetMembers: () => {
        const own = write((writer) => writer.item(4, Buffer.from(`http://${this.address}`)))
        return write((writer) => writer.bytes(1, this.#header).item(2, own).item(3, own))
      },
      GetStore: () => write((writer) => writer.bytes(1, this.#header).item(2, store())),
      GetRegion: (request) => {
        const bounds = (this.#choices.splits ?? []).map(encodeKey)
        const at = bounds.filter((bound) => Buffer.compare(bound, request.bytes(2)) <= 0).length
        const region = write((writer) =>
          writer
            .number(1, at + 1)
            .bytes(2, bounds[at - 1] ?? Buffer.alloc(0))
            .bytes(3, bounds[at] ?? Buffer.alloc(0))
            .item(
              4,
              write((epoch) => epoch.number(1, 1).number(2, 1)),
            )
            .item(5, peer),
        )
        return write((writer) => writer.bytes(1, this.#header).item(2, region).item(3, peer))
      },
    }
  }

  #storeHandlers(): Readonly<Record<string, Handler>> {
    return {
      KvGet: (request) => {
        const found = this.#read(request.key(2), request.bigint(3), request)
        return write((writer) =>
          Buffer.isBuffer(found) ? writer.bytes(3, found) : writer.item(2, found.error),
        )
      },
      KvBatchGet: (request) =>
        write((writer) => {
          for (const key of request.each(2).map((bytes) => bytes.toString('latin1'))) {
            const found = this.#read(key, request.bigint(3), request)
            const pair = write((one) => {
              if (!Buffer.isBuffer(found)) one.item(1, found.error)
              else one.item(2, keyToBytes(key)).bytes(3, found)
            })
            if (!Buffer.isBuffer(found) || found.length > 0) writer.item(2, pair)
          }
        }),
      KvPrewrite: (request) => this.#prewrite(request),
      KvCommit: (request) => this.#commit(request),
      KvBatchRollback: (request) => {
        for (const key of keysAt(request, 3)) this.#rollBack(key, request.bigint(2))
        return Buffer.alloc(0)
      },
      KvResolveLock: (request) => {
        const [startTs, commitTs] = [request.bigint(2), request.bigint(3)]
        const keys = request.has(5) ? keysAt(request, 5) : [...this.#cells.keys()]
        for (const key of keys) {
          if (this.#cell(key).lock?.startTs !== startTs) continue
          if (commitTs === 0n) this.#rollBack(key, startTs)
          else this.#commitKey(key, startTs, commitTs)
        }
        return Buffer.alloc(0)
      },
      KvCheckTxnStatus: (request) => this.#checkTxnStatus(request),
      KvCheckSecondaryLocks: (request) => this.#checkSecondaries(request),
    }
  }

  #read(key: Key, version: Timestamp, request: Message): Buffer | { readonly error: Buffer } {
    const { abort } = this.#choices
    if (abort !== undefined) return { error: write((writer) => writer.item(3, Buffer.from(abort))) }
    if (version !== MAX_TIMESTAMP && version > this.#maxTs) this.#maxTs = version
    const { lock, writes } = this.#cell(key)
    const passed = request.message(1)?.packed(13) ?? []
    if (
      lock !== undefined &&
      lock.startTs <= version &&
      lock.op !== OP_LOCK &&
      !passed.includes(lock.startTs)
    )
      return { error: locked(key, lock) }
    const found = writes.find(
      ({ commitTs, op }) => commitTs <= version && op !== 'rollback' && op !== OP_LOCK,
    )
    return found === undefined || found.op === OP_DEL ? Buffer.alloc(0) : found.value
  }

  #prewrite(request: Message): Buffer {
    const startTs = request.bigint(4)
    const onePc = request.number(13) !== 0 && this.#choices.noOnePc !== true
    const async = request.number(11) !== 0
    const minCommitTs = max(this.#maxTs + 1n, request.bigint(10), startTs + 1n)
    const mutations = request.each(2).map((bytes) => new Message(bytes))
    const errors: Buffer[] = []
    for (const mutation of mutations) {
      const { lock, writes } = this.#cell(mutation.key(2))
      if (lock !== undefined && lock.startTs !== startTs) errors.push(locked(mutation.key(2), lock))
      const newer = writes.find(
        (one) => one.commitTs > startTs || (one.op === 'rollback' && one.startTs === startTs),
      )
      const found = writes.find(({ op }) => op !== 'rollback' && op !== OP_LOCK)
      if (mutation.number(1) === OP_INSERT && found !== undefined && found.op !== OP_DEL)
        errors.push(
          write((writer) =>
            writer.item(
              5,
              write((exists) => exists.bytes(1, mutation.bytes(2))),
            ),
          ),
        )
      if (newer !== undefined)
        errors.unshift(
          write((writer) =>
            writer.item(
              4,
              write((conflict) => conflict.number(1, startTs).number(2, newer.startTs)),
            ),
          ),
        )
    }
    if (errors.length > 0)
      return write((writer) => {
        for (const error of errors) writer.item(2, error)
      })
    for (const mutation of mutations)
      this.#cell(mutation.key(2)).lock ??= {
        startTs,
        primary: request.key(3),
        op: mutation.number(1),
        value: mutation.bytes(3),
        ttlMs: request.number(5),
        async,
        minCommitTs,
        secondaries: keysAt(request, 12),
      }
    if (!onePc) return write((writer) => writer.number(3, async ? minCommitTs : 0n))
    for (const mutation of mutations) this.#commitKey(mutation.key(2), startTs, minCommitTs)
    return write((writer) => writer.number(4, minCommitTs))
  }

  #commit(request: Message): Buffer {
    const [startTs, commitTs] = [request.bigint(2), request.bigint(4)]
    for (const key of keysAt(request, 3)) {
      const { lock, writes } = this.#cell(key)
      if (lock?.startTs === startTs) {
        if (commitTs < lock.minCommitTs)
          return keyError((error) =>
            error.item(
              7,
              write((expired) => expired.number(4, lock.minCommitTs)),
            ),
          )
        this.#commitKey(key, startTs, commitTs)
      } else if (!writes.some((one) => one.startTs === startTs && one.op !== 'rollback'))
        return keyError((error) => error.item(2, Buffer.from('TxnLockNotFound')))
    }
    return Buffer.alloc(0)
  }

  #checkTxnStatus(request: Message): Buffer {
    const [key, lockTs, callerTs, currentTs] = [
      request.key(2),
      request.bigint(3),
      request.bigint(4),
      request.bigint(5),
    ]
    const { lock, writes } = this.#cell(key)
    if (lock?.startTs === lockTs) {
      const info = lockInfo(key, lock)
      const isDead = extractPhysical(lockTs) + lock.ttlMs < extractPhysical(currentTs)
      const force = request.number(7) !== 0
      if (lock.async && !force) return write((writer) => writer.number(3, lock.ttlMs).item(6, info))
      if (isDead) {
        this.#rollBack(key, lockTs)
        return Buffer.alloc(0)
      }
      if (callerTs !== 0n && callerTs !== MAX_TIMESTAMP)
        lock.minCommitTs = max(lock.minCommitTs, callerTs + 1n)
      return write((writer) => writer.number(3, lock.ttlMs).number(5, callerTs === 0n ? 0 : 3))
    }
    const written = writes.find((one) => one.startTs === lockTs)
    if (written !== undefined)
      return write((writer) => writer.number(4, written.op === 'rollback' ? 0n : written.commitTs))
    if (request.number(6) === 0) return keyError((error) => error.item(8, Buffer.alloc(0)))
    this.#rollBack(key, lockTs)
    return Buffer.alloc(0)
  }

  #checkSecondaries(request: Message): Buffer {
    const startTs = request.bigint(3)
    return write((writer) => {
      for (const key of keysAt(request, 2)) {
        const { lock, writes } = this.#cell(key)
        if (lock?.startTs === startTs) {
          writer.item(3, lockInfo(key, lock))
          continue
        }
        const written = writes.find((one) => one.startTs === startTs)
        if (written === undefined) this.#rollBack(key, startTs)
        else if (written.op !== 'rollback') writer.number(4, written.commitTs)
      }
    })
  }

  #commitKey(key: Key, startTs: Timestamp, commitTs: Timestamp): void {
    const cell = this.#cell(key)
    if (cell.lock?.startTs !== startTs) return
    const { op, value } = cell.lock
    cell.lock = undefined
    cell.writes.unshift({ startTs, commitTs, op, value })
  }

  #rollBack(key: Key, startTs: Timestamp): void {
    const cell = this.#cell(key)
    if (cell.writes.some((one) => one.startTs === startTs)) return
    if (cell.lock?.startTs === startTs) cell.lock = undefined
    cell.writes.push({ startTs, commitTs: startTs, op: 'rollback', value: Buffer.alloc(0) })
    cell.writes.sort((a, b) => (a.commitTs > b.commitTs ? -1 : 1))
  }

  #cell(key: Key): Cell {
    let cell = this.#cells.get(key)
    if (cell === undefined) this.#cells.set(key, (cell = { lock: undefined, writes: [] }))
    return cell
  }
}

function keysAt(request: Message, field: number): readonly Key[] {
  return request.each(field).map((bytes) => bytes.toString('latin1'))
}

function lockInfo(key: Key, lock: Lock): Buffer {
  return write((writer) => {
    writer
      .bytes(1, keyToBytes(lock.primary))
      .number(2, lock.startTs)
      .bytes(3, keyToBytes(key))
      .number(4, lock.ttlMs)
      .number(5, 1)
      .number(8, Number(lock.async))
      .number(9, lock.minCommitTs)
    for (const secondary of lock.secondaries) writer.item(10, keyToBytes(secondary))
  })
}

function locked(key: Key, lock: Lock): Buffer {
  return write((writer) => writer.item(1, lockInfo(key, lock)))
}

function keyError(fill: (error: MessageWriter) => void): Buffer {
  return write((writer) => writer.item(2, write(fill)))
}

function max(...values: readonly Timestamp[]): Timestamp {
  let most = 0n
  for (const value of values) if (value > most) most = value
  return most
}
