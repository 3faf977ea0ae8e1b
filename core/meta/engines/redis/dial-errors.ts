/** Why a connection to Redis could not be made: the cause as a sentence, and what to do about it. */
import { BackendError, type BackendErrorKind } from '#core/base/errno.ts'
import { replyCode } from './errors.ts'

/** Where a failed connection had got to. */
export interface DialState {
  /** `host:port` or the socket's path. */
  readonly place: string
  readonly tls: boolean
  readonly db: number | undefined
  readonly hadPassword: boolean
  /** The socket (with TLS: its handshake) was up. */
  readonly connected: boolean
  /** The server had sent an answer. */
  readonly answered: boolean
}

/** An error while connecting, of the socket or by the server, as a BackendError. */
export function explainDial(error: unknown, state: DialState): BackendError {
  if (error instanceof BackendError) return error
  const message = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const [kind, sentence] = explainSocket(code, message, state) ?? explainAnswer(message, state)
  return new BackendError(kind, `${state.place}: ${sentence}`)
}

type Explained = [BackendErrorKind, string]

function explainSocket(code: string, message: string, state: DialState): Explained | undefined {
  switch (code) {
    case 'ECONNREFUSED':
      return ['unavailable', 'nothing listens there; start the Redis server, or correct host and port']
    case 'ENOTFOUND':
      return ['unavailable', 'no host of this name is known; correct the name']
    case 'EAI_AGAIN':
      return ['unavailable', 'the host name cannot be looked up now; check network and DNS']
    case 'ENOENT':
      return ['not-found', 'there is no such socket; correct the path, or start the Redis server']
    case 'EACCES':
    case 'EPERM':
      return ['denied', 'the socket may not be opened by this user; check its permissions']
    case 'ETIMEDOUT':
      // A plain server waits for the end of what it takes for a long command, and says nothing.
      if (state.tls)
        return [
          'unavailable',
          'no TLS handshake in time; if the server does not speak TLS on this port, write redis://; else check network and host',
        ]
      return ['unavailable', 'the host does not answer; check network, firewall and host name']
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return ['unavailable', 'the host does not answer; check network, firewall and host name']
  }
  if (/^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_)/.test(code))
    return [
      'denied',
      `the server's certificate is not signed by a known authority; name its CA with tls-ca-cert-file`,
    ]
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return [
      'denied',
      `the server's certificate is for another name; use that name, or give it as tls-server-name`,
    ]
  if (code === 'CERT_HAS_EXPIRED') return ['denied', `the server's certificate has expired; renew it`]
  if (/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNKNOWN_CA/.test(code))
    return ['denied', 'the server wants a client certificate; give tls-cert-file and tls-key-file']
  if (state.tls && (!state.connected || /^(ERR_SSL|EPROTO)/.test(code)))
    return [
      'invalid',
      `the server does not speak TLS on this port; write redis:// instead of rediss:// (${message})`,
    ]
  return undefined
}

function explainAnswer(message: string, state: DialState): Explained {
  const word = replyCode(message)
  if (word === 'WRONGPASS' || /invalid password|invalid username/.test(message))
    return [
      'denied',
      'the server refused this user or password; correct it in the address or in REDIS_PASSWORD',
    ]
  if (word === 'NOAUTH')
    return ['denied', 'the server wants a password; put it into the address or into REDIS_PASSWORD']
  if (word === 'NOPERM')
    return [
      'denied',
      `the Redis user may not do what is needed (${message.slice(0, 120)}); grant it the command`,
    ]
  if (/DB index is out of range|invalid DB index/.test(message))
    return ['invalid', `the server has no database ${state.db}; choose a lower number, or raise "databases"`]
  if (word === 'DENIED')
    return ['denied', 'the server is in protected mode: it wants a password before it talks to other hosts']
  if (/max number of clients/.test(message))
    return ['unavailable', 'the server has as many clients as it may; raise maxclients']
  if (state.tls && state.connected && !state.answered)
    return [
      'denied',
      'the server ended the connection after the TLS handshake; it wants a client certificate: give tls-cert-file and tls-key-file',
    ]
  if (state.connected && !state.answered)
    return [
      'unavailable',
      'the server closed the connection or sent no answer; if it speaks TLS on this port, write rediss://, else see whether it has reached its maxclients',
    ]
  return ['unavailable', `the server could not be used: ${message.slice(0, 160)}`]
}
