/** Why a connection to PostgreSQL could not be made: the cause as a sentence, and what to do about it. */
import { BackendError, type BackendErrorKind } from '#core/base/errno.ts'
import { isTold } from './errors.ts'
import { type Endpoint, endpointText, type PostgresUrl } from './url.ts'

type Explained = [BackendErrorKind, string]

/** A driver's error while connecting, as a BackendError without any secret. */
export function explainDial(error: unknown, endpoint: Endpoint, url: PostgresUrl): BackendError {
  if (error instanceof BackendError) return error
  const message = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const [kind, sentence] =
    (isTold(error) ? explainAnswer(code, message, url) : explainSocket(code, message, url)) ??
    (['unavailable', `the server could not be used: ${message.slice(0, 160)}`] as const)
  return new BackendError(kind, `${endpointText(endpoint)}: ${sentence}`)
}

function explainAnswer(code: string, message: string, url: PostgresUrl): Explained | undefined {
  const { user, database } = url
  if (code === '28P01')
    return url.password === undefined
      ? ['denied', `role "${user}" needs a password; put it into the address or into META_PASSWORD`]
      : [
          'denied',
          `the password of role "${user}" was refused; correct it in the address or in META_PASSWORD`,
        ]
  if (code === '28000' && /does not exist/.test(message))
    return [
      'denied',
      `there is no role "${user}"; correct the user of the address, or make it with CREATE ROLE … LOGIN`,
    ]
  if (code === '28000' && /not permitted to log in/.test(message))
    return ['denied', `role "${user}" may not log in; give it LOGIN`]
  if (code === '28000' && /no encryption|SSL off/.test(message))
    return ['denied', 'the server takes connections with TLS only; write sslmode=require (or verify-full)']
  if (code === '28000' && /certificate/.test(message))
    return ['denied', 'the server wants a client certificate; give sslcert and sslkey']
  if (code === '28000')
    return [
      'denied',
      `pg_hba.conf of the server does not let role "${user}" in from here (${message.slice(0, 160)})`,
    ]
  if (code === '3D000')
    return [
      'not-found',
      `there is no database "${database}"; correct the address, or make it with: createdb ${database}`,
    ]
  if (code === '42501')
    return [
      'denied',
      `role "${user}" may not connect to database "${database}"; GRANT CONNECT ON DATABASE to it`,
    ]
  if (code === '53300')
    return [
      'unavailable',
      'the server has as many clients as it may; raise max_connections, or lower max_open_conns',
    ]
  if (code === '57P03') return ['unavailable', 'the server is starting up or shutting down; wait for it']
  if (code === '08P01')
    return [
      'invalid',
      `the server or a pooler before it refused the connection's settings (${message.slice(0, 160)})`,
    ]
  return undefined
}

function explainSocket(code: string, message: string, { tls, user }: PostgresUrl): Explained | undefined {
  switch (code) {
    case 'ECONNREFUSED':
      return ['unavailable', 'nothing listens there; start the PostgreSQL server, or correct host and port']
    case 'ENOTFOUND':
      return ['unavailable', 'no host of this name is known; correct the name']
    case 'EAI_AGAIN':
      return ['unavailable', 'the host name cannot be looked up now; check network and DNS']
    case 'ENOENT':
      return [
        'not-found',
        'there is no socket of a PostgreSQL server in this folder; correct it, or start the server',
      ]
    case 'EACCES':
    case 'EPERM':
      return ['denied', 'the socket may not be opened by this user; check its permissions']
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return ['unavailable', 'the host does not answer; check network, firewall and host name']
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return [
        'denied',
        "the server's certificate is for another name; use that name, or write sslmode=verify-ca",
      ]
    case 'CERT_HAS_EXPIRED':
      return ['denied', "the server's certificate has expired; renew it"]
  }
  if (/^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_)/.test(code))
    return [
      'denied',
      "the server's certificate is not signed by a known authority; name its file with sslrootcert",
    ]
  if (/client password must be/.test(message))
    return ['denied', `role "${user}" needs a password; put it into the address or into META_PASSWORD`]
  if (/does not support SSL/.test(message))
    return [
      'denied',
      `the server has no TLS, and sslmode=${tls.mode} asks for it; turn ssl on there, or write sslmode=disable`,
    ]
  if (/SSL connection|^(ERR_SSL|EPROTO)/.test(`${code} ${message}`))
    return [
      'invalid',
      `no TLS connection could be made; this may be no PostgreSQL server (${message.slice(0, 120)})`,
    ]
  if (/timeout expired/.test(message))
    return ['unavailable', 'the server did not answer in time; check network, firewall, host and port']
  if (/terminated unexpectedly|ECONNRESET/.test(`${code} ${message}`))
    return ['unavailable', 'the server closed the connection at once; check that it is a PostgreSQL server']
  return undefined
}
