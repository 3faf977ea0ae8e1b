/**
 * Finding the server that has the volume: the one of the address, the primary that Sentinels name, or the node of a
 * cluster that owns the volume's slot. All keys of a volume are in one slot (their hash tag), so a cluster, too, is
 * one connection to one server, and its whole client is this file: ask who owns the slot, go there, ask again when
 * the answer is MOVED. Source: shared/spec/meta-redis.md §1.1, §1.3.
 */
import { BackendError } from '#core/base/errno.ts'
import type { RedisClient } from './client.ts'
import { type Connection, type DialOptions, dial } from './dial.ts'
import { type Endpoint, endpointText, type RedisUrl } from './url.ts'

/** Nodes of a cluster that are remembered, to ask when others are gone. */
const MAX_NODES = 64

export class Locator {
  readonly #url: RedisUrl
  readonly #options: Omit<DialOptions, 'db'>
  /** Whom to ask; the one that answered last comes first. */
  #seeds: readonly Endpoint[]
  #cluster: boolean | undefined

  constructor(url: RedisUrl, options: Omit<DialOptions, 'db'>) {
    this.#url = url
    this.#options = options
    this.#seeds = url.endpoints
    this.#cluster = url.kind === 'single' ? undefined : url.kind === 'cluster'
  }

  /** Before every key: known once a connection has been made. */
  get prefix(): string {
    return this.#cluster === true ? `{${this.#url.db}}` : ''
  }

  /** A connection to the server that has the volume now. Rejects BackendError with the last failure. */
  async connect(): Promise<Connection> {
    if (this.#url.kind === 'sentinel') return this.#first((sentinel) => this.#viaSentinel(sentinel))
    if (this.#cluster === true) return this.#first((node) => this.#viaNode(node))
    return this.#single(this.#seeds[0]!)
  }

  /** One more connection to the very server that `connection` goes to; no database is chosen. */
  beside(
    connection: Connection,
    choices: Pick<DialOptions, 'answerTimeoutMs' | 'signal'>,
  ): Promise<Connection> {
    return dial(connection.endpoint, { ...this.#options, ...choices, db: undefined })
  }

  async #single(endpoint: Endpoint): Promise<Connection> {
    const db = this.#url.db
    if (this.#cluster === undefined) {
      const probe = await dial(endpoint, { ...this.#options, db: undefined })
      this.#cluster = await inCluster(probe.client)
      if (this.#cluster || db === 0) return this.#cluster ? this.#ownerFrom(probe) : probe
      probe.client.disconnect()
    }
    return dial(endpoint, { ...this.#options, db })
  }

  async #first(via: (seed: Endpoint) => Promise<Connection>): Promise<Connection> {
    let last: unknown
    for (const seed of this.#seeds) {
      try {
        const connection = await via(seed)
        this.#seeds = [seed, ...this.#seeds.filter((other) => other !== seed)]
        return connection
      } catch (error) {
        last = error
      }
    }
    throw last
  }

  async #viaSentinel(sentinel: Endpoint): Promise<Connection> {
    const { sentinelPassword: password, tls, connectTimeoutMs, master = '', db } = this.#url
    const url = { tls, connectTimeoutMs, ...(password === undefined ? {} : { password }) }
    const asked = await dial(sentinel, { ...this.#options, url, db: undefined })
    let reply: unknown
    try {
      reply = await asked.client.call('SENTINEL', 'get-master-addr-by-name', master)
    } catch (error) {
      throw sentinelFailed(sentinel, error)
    } finally {
      asked.client.disconnect()
    }
    if (!Array.isArray(reply))
      throw new BackendError(
        'not-found',
        `${endpointText(sentinel)}: this Sentinel knows no primary named "${master}"; correct the name, the first of the address`,
      )
    const primary = await dial({ host: String(reply[0]), port: Number(reply[1]) }, { ...this.#options, db })
    const role = await primary.client.call('ROLE').catch(() => undefined)
    if (!Array.isArray(role) || role[0] === 'master') return primary
    primary.client.disconnect()
    throw new BackendError(
      'unavailable',
      `${endpointText(primary.endpoint)}: Sentinel names this server the primary, and it is none yet`,
    )
  }

  async #viaNode(node: Endpoint): Promise<Connection> {
    return this.#ownerFrom(await dial(node, { ...this.#options, db: undefined }))
  }

  /** `node` itself when it owns the slot, else a connection to the one that it names. */
  async #ownerFrom(node: Connection): Promise<Connection> {
    const here = endpointText(node.endpoint)
    try {
      const { client } = node
      const slot = Number(await client.call('CLUSTER', 'KEYSLOT', this.prefix))
      const [slots, myself] = await Promise.all([
        client.call('CLUSTER', 'SLOTS'),
        client.call('CLUSTER', 'MYID'),
      ])
      const nodes = readSlots(slots, node.endpoint)
      this.#remember(nodes)
      const owner = nodes.find(({ from, to }) => from <= slot && slot <= to)
      if (owner?.id === myself) return node
      node.client.disconnect()
      if (owner === undefined)
        throw new BackendError(
          'unavailable',
          `${here}: no node of this Redis cluster has slot ${slot}, where the volume is; see: redis-cli --cluster check`,
        )
      return await dial(owner.endpoint, { ...this.#options, db: undefined })
    } catch (error) {
      node.client.disconnect()
      if (error instanceof BackendError) throw error
      const reason = error instanceof Error ? error.message : String(error)
      throw new BackendError(
        'unavailable',
        `${here}: the Redis cluster cannot say where the volume is (${reason})`,
      )
    }
  }

  #remember(nodes: readonly SlotRange[]): void {
    const known = new Map(
      [...this.#seeds, ...nodes.map(({ endpoint }) => endpoint)].map((e) => [endpointText(e), e]),
    )
    this.#seeds = [...known.values()].slice(0, MAX_NODES)
  }
}

interface SlotRange {
  readonly from: number
  readonly to: number
  readonly id: string
  readonly endpoint: Endpoint
}

/** The primaries in a reply of CLUSTER SLOTS. A node that does not know its own address is where we asked. */
function readSlots(reply: unknown, asked: Endpoint): SlotRange[] {
  if (!Array.isArray(reply)) return []
  return reply.flatMap((item: unknown) => {
    if (!Array.isArray(item) || !Array.isArray(item[2])) return []
    const [from, to, [host, port, id]] = item
    const named =
      host === null || host === '' || host === '?' ? ('host' in asked ? asked.host : '') : String(host)
    return [
      { from: Number(from), to: Number(to), id: String(id), endpoint: { host: named, port: Number(port) } },
    ]
  })
}

async function inCluster(client: RedisClient): Promise<boolean> {
  try {
    return String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:')
  } catch (error) {
    return error instanceof Error && error.message.includes('cluster mode')
  }
}

function sentinelFailed(sentinel: Endpoint, error: unknown): BackendError {
  const reason = error instanceof Error ? error.message : String(error)
  const kind = reason.startsWith('NOAUTH') ? 'denied' : 'unavailable'
  const next =
    kind === 'denied' ? 'set SENTINEL_PASSWORD' : 'check that this is a Sentinel and not a Redis server'
  return new BackendError(kind, `${endpointText(sentinel)}: the Sentinel did not answer (${reason}); ${next}`)
}
