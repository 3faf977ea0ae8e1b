/**
 * The placement driver: members and their leader, where regions and stores are. Requests go to the leader; when it is
 * another, or away, the members are asked again. Source: shared/spec/tikv-client.md §1.
 */
import { BackendError } from '#core/base/errno.ts'
import type { MessageWriter } from '#core/base/protobuf.ts'
import { Backoffer, type BackoffParts } from './backoff.ts'
import { CallError, type Channel, type Dial } from './channel.ts'
import { Message, type Peer, parse, peerFrom, type RegionMeta, regionFrom, write } from './messages.ts'

const SERVICE = '/pdpb.PD/'
const CALL_MS = 5_000
/** How long a request waits for a leader. */
const WAIT_MS = 15_000
const TOMBSTONE = 2

export interface PdParts extends BackoffParts {
  /** `host:port` of one member or more. */
  readonly addresses: readonly string[]
  readonly dial: Dial
}

export interface Store {
  /** `host:port` */
  readonly address: string
  /** Stand-ins of TiKV have none. */
  readonly version: string
}

export interface LocatedRegion {
  readonly region: RegionMeta
  readonly leader: Peer | undefined
}

export class PdClient {
  readonly #parts: PdParts
  readonly #channels = new Map<string, Channel>()
  #addresses: readonly string[]
  #clusterId = 0n
  #leader: Channel | undefined
  #finding: Promise<Channel> | undefined
  #closed = false

  private constructor(parts: PdParts) {
    this.#parts = parts
    this.#addresses = parts.addresses
  }

  /** Rejects `unavailable` when no member answers, `invalid` when the addresses are of different clusters. */
  static async connect(parts: PdParts): Promise<PdClient> {
    const pd = new PdClient(parts)
    try {
      await pd.#findLeader()
      return pd
    } catch (error) {
      pd.close()
      throw error
    }
  }

  get clusterId(): bigint {
    return this.#clusterId
  }

  /** The region that holds the key, given in PD's form; undefined while there is none. */
  getRegion(key: Buffer): Promise<LocatedRegion | undefined> {
    return this.#region('GetRegion', key)
  }

  /** The region before the one that begins at the key. */
  getPrevRegion(key: Buffer): Promise<LocatedRegion | undefined> {
    return this.#region('GetPrevRegion', key)
  }

  /** Undefined for a store that is gone for good. */
  async getStore(storeId: bigint): Promise<Store | undefined> {
    const reply = await this.#ask('GetStore', (writer) => writer.number(2, storeId))
    const store = reply.message(2)
    if (store === undefined || store.number(3) === TOMBSTONE) return undefined
    return { address: store.text(2), version: store.text(5) }
  }

  /** The header of every request. */
  get header(): Buffer {
    return write((writer) => writer.number(1, this.#clusterId))
  }

  /** The leader's channel, found if it is not known. */
  leader(): Promise<Channel> {
    if (this.#leader !== undefined) return Promise.resolve(this.#leader)
    this.#finding ??= this.#findLeader().finally(() => {
      this.#finding = undefined
    })
    return this.#finding
  }

  /** It did not do as a leader does: look for it again. */
  forget(leader: Channel): void {
    if (this.#leader === leader) this.#leader = undefined
  }

  close(): void {
    this.#closed = true
    for (const channel of this.#channels.values()) channel.close()
  }

  async #region(method: string, key: Buffer): Promise<LocatedRegion | undefined> {
    const reply = await this.#ask(method, (writer) => writer.bytes(2, key))
    const region = reply.message(2)
    if (region === undefined || region.bigint(1) === 0n) return undefined
    const leader = reply.message(3)
    return { region: regionFrom(region), leader: leader === undefined ? undefined : peerFrom(leader) }
  }

  async #ask(method: string, fill: (writer: MessageWriter) => void): Promise<Message> {
    const backoff = new Backoffer(this.#parts, WAIT_MS)
    for (;;) {
      let leader: Channel | undefined
      let reason: string
      try {
        leader = await this.leader()
        const request = write((writer) => {
          writer.bytes(1, this.header)
          fill(writer)
        })
        const reply = new Message(await leader.call(SERVICE + method, request, CALL_MS))
        const trouble = headerTrouble(reply)
        if (trouble === undefined) return reply
        reason = trouble
      } catch (error) {
        const isAway = error instanceof BackendError && error.kind === 'unavailable'
        if (!isAway && !(error instanceof CallError)) throw error
        reason = error.message
      }
      if (this.#closed) throw closedError(this.#parts.address)
      if (/mismatch cluster id/i.test(reason)) throw otherCluster(this.#parts.address, reason)
      if (leader !== undefined) this.forget(leader)
      await backoff.pause('pd', reason)
    }
  }

  /** Ask every member known who leads. */
  async #findLeader(): Promise<Channel> {
    const asked = await Promise.allSettled(this.#addresses.map((address) => this.#members(address)))
    if (this.#closed) throw closedError(this.#parts.address)
    const answers = asked.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
    const clusters = new Set(answers.map(({ clusterId }) => clusterId))
    if (this.#clusterId !== 0n) clusters.add(this.#clusterId)
    if (clusters.size > 1)
      throw otherCluster(this.#parts.address, `they name the clusters ${[...clusters].join(' and ')}`)
    const led = answers.find(({ leader }) => leader !== undefined)
    if (led?.leader === undefined) throw unreachable(this.#parts.address, asked)
    this.#clusterId = led.clusterId
    this.#addresses = [...new Set([...led.members, ...this.#parts.addresses])]
    this.#leader = this.#channel(led.leader)
    return this.#leader
  }

  async #members(address: string): Promise<{
    readonly clusterId: bigint
    readonly leader: string | undefined
    readonly members: readonly string[]
  }> {
    const reply = parse(await this.#channel(address).call(`${SERVICE}GetMembers`, Buffer.alloc(0), CALL_MS))
    const leader = reply.message(3)
    return {
      clusterId: reply.message(1)?.bigint(1) ?? 0n,
      leader: leader === undefined ? undefined : urlsOf(leader)[0],
      members: reply.each(2).flatMap((member) => urlsOf(new Message(member))),
    }
  }

  #channel(address: string): Channel {
    let channel = this.#channels.get(address)
    if (channel === undefined) this.#channels.set(address, (channel = this.#parts.dial(address)))
    return channel
  }
}

/** Client URLs without their scheme. */
function urlsOf(member: Message): readonly string[] {
  return member.each(4).map((url) => url.toString('utf8').replace(/^https?:\/\//, ''))
}

function headerTrouble(reply: Message): string | undefined {
  const error = reply.message(1)?.message(2)
  return error === undefined || error.number(1) === 0
    ? undefined
    : error.text(2) || `error ${error.number(1)}`
}

function unreachable(address: string, asked: readonly PromiseSettledResult<unknown>[]): BackendError {
  const failed = asked.find((answer) => answer.status === 'rejected')
  const reason = failed === undefined ? 'its members have no leader' : String(failed.reason.message)
  return new BackendError(
    'unavailable',
    `${address}: the placement driver (PD) does not answer: ${reason}; ${nextStep(reason)}`,
    { cause: failed?.reason },
  )
}

function nextStep(reason: string): string {
  if (/wrong version number|EPROTO|ssl3_get_record/i.test(reason))
    return 'the server speaks no TLS: leave out ca, cert and key, or turn TLS on there'
  if (/certificate|self.signed|verify-cn|unable to (verify|get)/i.test(reason))
    return 'check ca, cert, key and verify-cn of the address'
  if (
    /Failed to connect|ECONNRESET|socket hang up|Connection dropped|GOAWAY|disconnected before|Protocol error|stream closed/i.test(
      reason,
    )
  )
    return 'if the server wants TLS, add ?ca=FILE&cert=FILE&key=FILE to the address'
  return 'check that it runs, and host and port of the address'
}

function otherCluster(address: string, reason: string): BackendError {
  return new BackendError('invalid', `${address}: the PD addresses are of different clusters: ${reason}`)
}

function closedError(address: string): BackendError {
  return new BackendError('closed', `${address}: the TiKV client has been closed`)
}
