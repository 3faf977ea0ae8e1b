/**
 * Metadata on a Redis server that other clients of the format use at the same time. A read is one command or one script,
 * a commit one script that compares and then writes (lua/commit.ts), so each is one round trip and atomic; writes of a
 * script are noticed by peers that WATCH the keys. Usage, statistics and quotas change in the commit that causes them.
 *
 * Source: shared/spec/meta-redis.md, above all §2 (keys), §3.0 and 3.1 (what to compare, what peers rely on).
 */

import { type Clock, systemClock } from '#core/base/clock.ts'
import { BackendError, ENOENT, fail } from '#core/base/errno.ts'
import type { Finding } from '#core/base/finding.ts'
import type { Ino } from '#core/base/ino.ts'
import { type Counter, Metrics } from '#core/base/metrics.ts'
import type {
  Change,
  ChangeListener,
  CommitResult,
  Guard,
  ListTypes,
  MetaEngine,
  Page,
  PageRequest,
  RecordKey,
  RecordRange,
  RecordValues,
  TouchedNode,
} from '#core/meta/engine.ts'
import type { AclRule, CounterName, GateName } from '#core/meta/records.ts'
import { encodeAclRule } from '#core/meta/records-codec.ts'
import { nodeFrom } from '#core/meta/stored-node.ts'
import type { Ask } from './asker.ts'
import { encodeChange, replyOf } from './changes.ts'
import { gatherFacts, judge, parseInfo } from './checks.ts'
import type { RedisClient } from './client.ts'
import { LostAnswer } from './errors.ts'
import { decodeFailures, encodeGuard } from './guards.ts'
import { Layout } from './layout.ts'
import { Lists } from './list.ts'
import { COMMIT } from './lua/commit.ts'
import { CLAIM, INSERT_ACL } from './lua/ids.ts'
import type { CommitOutcome, RedisPlace } from './place.ts'
import { Program } from './program.ts'
import { readRecords } from './read.ts'
import type { Reply } from './replies.ts'
import { type Resolver, resolveCommit } from './resolve.ts'
import { Script } from './script.ts'
import { asBytes, asList, asText, integer } from './values.ts'
import { encodeCommand } from './wire.ts'

const commitScript = new Script(COMMIT)
const claimScript = new Script(CLAIM)
const insertAclScript = new Script(INSERT_ACL)

/** First words of the commit script's reply. */
const REFUSED = 0
const NODE_MISSING = 2
/** Keys of one DEL when a volume is destroyed, and what one SCAN looks at. */
const DESTROY_BATCH = 2000

export interface RedisEngineParts {
  readonly clock?: Clock
  readonly metrics?: Metrics
}

export class RedisEngine implements MetaEngine {
  readonly scheme: string
  readonly address: string
  /** One connection, and Redis answers in the order of execution. */
  readonly ordered = true
  readonly #place: RedisPlace
  readonly #layout: Layout
  readonly #nodeKey: (ino: Ino) => string
  readonly #lists: Lists
  readonly #roundTrips: Counter
  readonly #resolver: Resolver
  #closed = false

  /** Use `openRedis`. The engine owns the place. */
  constructor(place: RedisPlace, { clock = systemClock, metrics = new Metrics() }: RedisEngineParts = {}) {
    this.scheme = place.scheme
    this.address = place.address
    this.#place = place
    this.#layout = new Layout(place.prefix)
    this.#nodeKey = (ino) => this.#layout.node(ino)
    this.#roundTrips = metrics.counter('meta_round_trips')
    this.#resolver = {
      address: place.address,
      settle: () => place.settle(),
      commit: (op, guards, changes) => this.#commitOnce(op, guards, changes),
      read: (keys) => this.read(keys),
    }
    const ask: Ask = (work) => this.#ask(work)
    this.#lists = new Lists(this.#layout, ask, clock)
  }

  /** @hot */
  read<const Keys extends readonly RecordKey[]>(keys: Keys): Promise<RecordValues<Keys>> {
    return this.#ask((client) => readRecords(client, this.#layout, keys)) as Promise<RecordValues<Keys>>
  }

  async list<R extends RecordRange>(range: R, page: PageRequest): Promise<Page<ListTypes[R['kind']]>> {
    return (await this.#lists.page(range, page)) as Page<ListTypes[R['kind']]>
  }

  /** A commit whose answer is lost with its connection is resolved by reading back (resolve.ts). @hot */
  async commit(op: string, guards: readonly Guard[], changes: readonly Change[]): Promise<CommitResult> {
    try {
      return await this.#commitOnce(op, guards, changes)
    } catch (error) {
      if (!(error instanceof LostAnswer)) throw error
      return resolveCommit(this.#resolver, op, guards, changes)
    }
  }

  async #commitOnce(op: string, guards: readonly Guard[], changes: readonly Change[]): Promise<CommitResult> {
    const program = new Program(this.#nodeKey)
    for (let k = 0; k < guards.length; k++) encodeGuard(program, this.#layout, guards[k]!)
    for (let k = 0; k < changes.length; k++) encodeChange(program, this.#layout, changes[k]!, k)
    const reply = asList(await this.#sendCommit(program, program.finish()))
    if (reply[0] === REFUSED) return { ok: false, failed: decodeFailures(guards, reply) }
    if (reply[0] === NODE_MISSING) throw fail(ENOENT, op, `${asText(reply[1]!)} is gone`)
    return committed(program, changes, reply)
  }

  /** Numbers may be lost with a connection, as with a client that ends. */
  async allocate(counter: CounterName, n: number): Promise<number> {
    const last = await this.#write((client) =>
      client.send(encodeCommand('INCRBY', this.#layout.counter(counter), String(n))),
    )
    return integer(last, `counter ${counter}`) - n + 1
  }

  /** Claimed over a connection that was lost, the turn is let pass. */
  async claim(gate: GateName, now: number, period: number): Promise<boolean> {
    const keys = [this.#layout.counter(gate)]
    const args = [String(now), String(period)]
    return (await this.#write((client) => claimScript.run(client, keys, args))) === 1
  }

  async insertAcl(rule: AclRule): Promise<number> {
    const keys = [this.#layout.lastAcl, this.#layout.acls]
    const id = await this.#write((client) => insertAclScript.run(client, keys, [encodeAclRule(rule)]))
    return integer(id, 'counter aclMaxId')
  }

  /**
   * Nothing to wait for: what Redis has acknowledged is as durable as its configuration makes it (appendfsync `always`:
   * on disk; `everysec`: within two seconds), and the reference client promises no more. Connecting warns when the
   * server keeps nothing. WAITAOF (7.2) could wait for the disk, but stops every other command of the connection
   * meanwhile, for up to a second.
   */
  async sync(): Promise<void> {
    this.#requireOpen()
  }

  /** Rejects `invalid` when there is a volume. A fresh one has no counters: absent is 0 (§6). */
  async initialize(): Promise<void> {
    const [setting, root] = await this.read([{ kind: 'setting' }, { kind: 'node', ino: 1 }])
    if (setting !== null || root !== null)
      throw new BackendError('invalid', `${this.address}: there is a volume here already`)
  }

  async upgrade(): Promise<void> {
    this.#requireOpen()
  }

  subscribe(listener: ChangeListener): Promise<() => void> {
    return this.#place.listen(listener)
  }

  async examine(): Promise<readonly Finding[]> {
    const facts = await gatherFacts((send) => this.#ask(send), this.#place.prefix)
    return judge(facts, this.#place.readOnly)
  }

  async serverTimeMs(): Promise<number> {
    const [sec, usec] = (await this.#ask((client) => client.call('TIME'))) as readonly string[]
    return Number(sec) * 1000 + Number(usec) / 1000
  }

  /** Of the whole server: Redis knows no more. */
  async space(): Promise<{ readonly usedBytes: number; readonly limitBytes: number | null }> {
    const info = parseInfo(String(await this.#ask((client) => client.call('INFO', 'memory'))))
    const limit = Number(info.get('maxmemory') ?? 0)
    return { usedBytes: Number(info.get('used_memory') ?? 0), limitBytes: limit > 0 ? limit : null }
  }

  /** Only keys that a volume can have; others in the same database stay. */
  async destroy(): Promise<void> {
    this.#requireWritable()
    let cursor = '0'
    do {
      const words = ['SCAN', cursor, 'COUNT', String(DESTROY_BATCH)]
      if (this.#layout.prefix !== '') words.push('MATCH', `${this.#layout.prefix}*`)
      const [next, found] = asList(await this.#ask((client) => client.send(encodeCommand(words))))
      cursor = asText(next!)
      const keys = asList(found)
        .map((key) => asBytes(key).toString('latin1'))
        .filter((key) => this.#layout.owns(key))
      if (keys.length > 0) await this.#write((client) => client.send(encodeCommand('UNLINK', keys)))
    } while (cursor !== '0')
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#place.close()
  }

  async #sendCommit(program: Program, keys: readonly string[]): Promise<Reply> {
    this.#requireWritable()
    this.#roundTrips.add()
    const { watcher } = this.#place
    const { writes, args } = program
    watcher?.sent(writes)
    let outcome: CommitOutcome = 'refused'
    try {
      const reply = await this.#place.once((client) => commitScript.run(client, keys, args))
      if (asList(reply)[0] === 1) outcome = 'applied'
      return reply
    } catch (error) {
      if (error instanceof LostAnswer) outcome = 'lost'
      throw error
    } finally {
      watcher?.settled(writes, outcome)
    }
  }

  #ask<T>(work: (client: RedisClient) => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(this.#closedError())
    this.#roundTrips.add()
    return this.#place.repeat(work)
  }

  /** What may be done twice, and changes something. */
  async #write(work: (client: RedisClient) => Promise<Reply>): Promise<Reply> {
    this.#requireWritable()
    return this.#ask(work)
  }

  #requireWritable(): void {
    this.#requireOpen()
    if (this.#place.readOnly)
      throw new BackendError('read-only', `${this.address}: the metadata server was opened for reading only`)
  }

  #requireOpen(): void {
    if (this.#closed) throw this.#closedError()
  }

  #closedError(): BackendError {
    return new BackendError(
      'closed',
      `${this.address}: the connection to the metadata server has been closed`,
    )
  }
}

/** Replies of the changes that have one, then the touched nodes. */
function committed(program: Program, changes: readonly Change[], reply: readonly Reply[]): CommitResult {
  const replies = new Array<number>(changes.length).fill(0)
  let at = 1
  for (const change of program.replyAt)
    replies[change] = replyOf(changes[change]!, integer(reply[at++]!, 'a reply'))
  const touched: TouchedNode[] = []
  for (const ino of program.touched) touched.push({ ino, node: nodeFrom(asBytes(reply[at++])) })
  return touched.length === 0 ? { ok: true, replies } : { ok: true, replies, touched }
}
