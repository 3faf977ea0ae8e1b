/**
 * `etcd://[user:password@]host[:2379][,…]/<prefix>[?options]`. Source: shared/spec/meta-sql-and-tkv.md §B4, and what the
 * reference makes of such addresses.
 */
import { checkServerIdentity } from 'node:tls'
import { redactUrl } from '#core/base/redact.ts'
import { Refusal } from '#core/base/refusal.ts'
import type { Tls } from '#core/tikv/channel.ts'
import type { Key } from './ordered-store.ts'
import { bytesOf, hostAndPort } from './url.ts'

export interface EtcdUrl {
  /** `host:port` of members. */
  readonly endpoints: readonly string[]
  /** Before every key: the path's bytes with its slashes, the first too, then 0xFD. */
  readonly prefix: Key
  readonly user?: { readonly name: string; readonly password: string }
  readonly tls?: Tls
  /** Without password and options. */
  readonly address: string
}

/** Throws Refusal. */
export function parseEtcdUrl(url: string): EtcdUrl {
  const [, user, authority = '', path = '', query = ''] =
    /^etcd:\/\/(?:([^/?]*)@)?([^/?@]*)([^?]*)\??(.*)$/is.exec(url) ?? []
  if (authority === '') throw malformed('it names no member of etcd')
  const endpoints = authority.split(',').map((text) =>
    // Without the text: it may be half of a password.
    hostAndPort(text, () =>
      malformed('a member is not written as host:port, or a / in the password not as %2F'),
    ),
  )
  const [name = '', password = ''] = (user ?? '').split(/:(.*)/s).map(decoded)
  const tls = tlsOf(query)
  return {
    endpoints,
    prefix: `${bytesOf(path, malformed)}\xfd`,
    // As the reference: a name without a password signs nobody in.
    ...(name !== '' && password !== '' && { user: { name, password } }),
    ...(tls && { tls }),
    // What looks like host and port may be half of a password, too.
    address: redactUrl(`etcd://${name === '' ? '' : `${name}@`}${authority}${path}`),
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw malformed('a % in its user or password is written %25')
  }
}

/** As in the reference, it takes a certificate to turn TLS on. */
function tlsOf(query: string): Tls | undefined {
  const options = new URLSearchParams(query)
  for (const name of options.keys())
    if (!/^(cacert|cert|key|server-name|insecure-skip-verify)$/.test(name))
      throw new Refusal(`an etcd address has no option "${name}"`, 'remove it')
  const option = (name: string): string | undefined => options.get(name) || undefined
  const [ca, cert, key] = [option('cacert'), option('cert'), option('key')]
  if ((cert === undefined) !== (key === undefined))
    throw new Refusal('cert and key of an etcd address come together')
  if (ca === undefined && cert === undefined) return undefined
  const serverName = option('server-name')
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert, key }),
    ...(serverName !== undefined && { serverName }),
    unverified: option('insecure-skip-verify') === 'true',
    identify: checkServerIdentity,
  }
}

function malformed(what: string): Refusal {
  return new Refusal(
    `the etcd address is not right: ${what}`,
    'write it like etcd://host1:2379,host2:2379/myvolume',
  )
}
