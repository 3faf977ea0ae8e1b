/**
 * A request to the leader of a region, and what to do when it is not answered as meant: what the cache knows of regions is
 * mended, a pause is made where one is due, and the caller groups its keys by region again.
 *
 * Source: shared/spec/tikv-client.md §5.
 */
import { BackendError } from '#core/base/errno.ts'
import type { MessageWriter } from '#core/base/protobuf.ts'
import type { Backoffer } from './backoff.ts'
import { CallError } from './channel.ts'
import { encodeContext, type RegionError, type RequestContext, regionErrorFrom } from './kv-messages.ts'
import { Message, write } from './messages.ts'
import type { Region, RegionCache } from './region-cache.ts'

const SERVICE = '/tikvpb.Tikv/'
const CALL_MS = 20_000

/**
 * `again`: it was not done; group the keys again. `lost`: the same, but whether it was done is not known.
 */
export type Answer = { readonly kind: 'reply'; readonly reply: Message } | { readonly kind: 'again' | 'lost' }

const AGAIN: Answer = { kind: 'again' }
const LOST: Answer = { kind: 'lost' }

/** Requests sent, by method. */
export type RequestCounts = Map<string, number>

export class RegionRequestSender {
  readonly #cache: RegionCache
  readonly #address: string
  readonly counts: RequestCounts = new Map()

  constructor(cache: RegionCache, address: string) {
    this.#cache = cache
    this.#address = address
  }

  /** `fill` writes the fields of the request after its context. Rejects BackendError when trying again is no use. */
  async send(
    region: Region,
    method: string,
    fill: (writer: MessageWriter) => void,
    backoff: Backoffer,
    context: RequestContext = {},
  ): Promise<Answer> {
    const channel = await this.#cache.channel(region)
    if (channel === undefined) {
      this.#cache.drop(region)
      await backoff.pause('regionMiss', `store ${region.leader.storeId} is gone`)
      return AGAIN
    }
    const request = write((writer) => {
      writer.bytes(1, encodeContext(region, context))
      fill(writer)
    })
    this.counts.set(method, (this.counts.get(method) ?? 0) + 1)
    let reply: Message
    try {
      const timeout = Math.max(1, Math.min(CALL_MS, backoff.leftMs))
      reply = new Message(await channel.call(SERVICE + method, request, timeout))
    } catch (error) {
      if (!(error instanceof CallError)) throw error
      if (error.unimplemented)
        throw new BackendError(
          'invalid',
          `${error.message}: this is no TiKV store, or one that does not serve ${method}`,
        )
      this.#cache.tryNextPeer(region)
      await backoff.pause('rpc', `store ${region.leader.storeId} does not answer: ${error.message}`)
      return LOST
    }
    const error = reply.message(1)
    return error === undefined
      ? { kind: 'reply', reply }
      : this.#mend(region, regionErrorFrom(error), backoff)
  }

  async #mend(region: Region, error: RegionError, backoff: Backoffer): Promise<Answer> {
    switch (error.kind) {
      case 'notLeader':
        if (error.leader !== undefined && error.leader.id !== 0n) {
          this.#cache.moveLeader(region, error.leader)
          return AGAIN
        }
        this.#cache.drop(region)
        await backoff.pause('regionMiss', `region ${region.id} has no leader`)
        return AGAIN
      case 'epochNotMatch':
        this.#cache.replace(region, error.current)
        // Told what it was told: the store is not where PD says it is.
        if (
          error.current.some(
            ({ version, confVer }) => version === region.version && confVer === region.confVer,
          )
        )
          await backoff.pause('regionMiss', `region ${region.id} is in motion`)
        return AGAIN
      case 'serverIsBusy':
        await backoff.pause('serverBusy', `store ${region.leader.storeId} is busy: ${error.text}`)
        return AGAIN
      case 'staleCommand':
        await backoff.pause('staleCommand', `region ${region.id} has a new leader`)
        return LOST
      case 'storeNotMatch':
        this.#cache.forgetStore(region.leader.storeId)
        this.#cache.drop(region)
        return AGAIN
      case 'notReady':
        await backoff.pause('notReady', `region ${region.id} is not ready`)
        return AGAIN
      case 'diskFull':
        try {
          await backoff.pause('diskFull', 'full')
        } catch (cause) {
          const full = `${this.#address}: the disk of store ${region.leader.storeId} is full`
          throw new BackendError('no-space', full, { cause })
        }
        return AGAIN
      case 'recovery':
        this.#cache.drop(region)
        await backoff.pause('recovery', `region ${region.id} is being recovered`)
        return AGAIN
      case 'tooLarge':
        throw new BackendError('invalid', `${this.#address}: a write is larger than a store takes at once`)
      case 'flashback':
        throw new BackendError(
          'unavailable',
          `${this.#address}: the cluster is being set back to an earlier time`,
        )
      case 'other':
        this.#cache.drop(region)
        await backoff.pause('regionMiss', error.text)
        return AGAIN
      default:
        return error satisfies never
    }
  }
}
