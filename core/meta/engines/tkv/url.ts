/** `tikv://pd1:2379[,pd2:2379…]/<prefix>[?options]`. Source: shared/spec/meta-sql-and-tkv.md §B4. */
import { Refusal } from '#core/base/refusal.ts'
import type { Security } from '#core/tikv/channel.ts'
import type { Key } from './ordered-store.ts'

export interface TikvUrl {
  /** `host:port` of members of PD. */
  readonly pdAddresses: readonly string[]
  /** Before every key: the path's bytes, then 0xFD, which keeps `jfs` and `jfs2` apart. */
  readonly prefix: Key
  readonly security?: Security
  /** Without options. */
  readonly address: string
}

/** Of PD and of etcd, which PD has in it. */
const PORT = 2379
/** Options that other clients read and that change nothing here: their garbage collection and batching. */
const IGNORED = new Set(['gc-interval', 'open-tso-follower-proxy', 'max-tso-batch-wait-interval'])

/** Throws Refusal. */
export function parseTikvUrl(url: string): TikvUrl {
  const [, authority = '', path = '', query = ''] = /^tikv:\/\/([^/?]*)([^?]*)\??(.*)$/is.exec(url) ?? []
  if (authority === '') throw malformed('it names no member of PD')
  if (authority.includes('@')) throw malformed('it has a user, which TiKV knows nothing of')
  const pdAddresses = authority.split(',').map((text) => hostAndPort(text, malformed))
  const security = securityOf(query)
  return {
    pdAddresses,
    prefix: `${bytesOf(path.replace(/^\/+/, ''), malformed)}\xfd`,
    ...(security === undefined ? {} : { security }),
    address: `tikv://${authority}${path}`,
  }
}

/** Of one member, with the port that goes without saying. Throws what `malformed` makes. */
export function hostAndPort(text: string, malformed: (what: string) => Refusal): string {
  const [, host, port] = /^(\[[^\]]+\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(text) ?? []
  if (host === undefined) throw malformed(`"${text}" is no host and port`)
  return `${host}:${port ?? PORT}`
}

/** Percent-encoded bytes, which need not be UTF-8. Throws what `malformed` makes. */
export function bytesOf(path: string, malformed: (what: string) => Refusal): Key {
  const bytes = Buffer.from(path, 'utf8').toString('latin1')
  return bytes.replace(/%(.{0,2})/gs, (_, digits: string) => {
    if (!/^[0-9a-f]{2}$/i.test(digits)) throw malformed('a % in its path is written %25')
    return String.fromCharCode(Number.parseInt(digits, 16))
  })
}

function securityOf(query: string): Security | undefined {
  const options = new URLSearchParams(query)
  for (const name of options.keys())
    if (!IGNORED.has(name) && !/^(ca|cert|key|verify-cn)$/.test(name))
      throw new Refusal(`a TiKV address has no option "${name}"`, 'remove it')
  const option = (name: string): string | undefined => options.get(name) || undefined
  const [ca, cert, key] = [option('ca'), option('cert'), option('key')]
  if ((cert === undefined) !== (key === undefined))
    throw new Refusal('cert and key of a TiKV address come together')
  if (ca === undefined) {
    if (cert !== undefined) throw new Refusal('cert and key of a TiKV address need ca', 'add ca=FILE')
    return undefined
  }
  const verifyCn = option('verify-cn')?.split(',')
  return { ca, ...(cert === undefined ? {} : { cert, key }), ...(verifyCn === undefined ? {} : { verifyCn }) }
}

function malformed(what: string): Refusal {
  return new Refusal(
    `the TiKV address is not right: ${what}`,
    'write it like tikv://pd1:2379,pd2:2379/myvolume',
  )
}
