/**
 * What Redis and the way to it say, in the coarse kinds the rest of the program knows, and what may be done about it.
 */
import { BackendError, type BackendErrorKind } from '#core/base/errno.ts'
import { ReplyError } from './replies.ts'

/** A connection ended before a command was answered; not `sent`: before it was sent. */
export class LostConnection extends Error {
  readonly sent: boolean

  constructor(reason: string, sent = true) {
    super(reason)
    this.sent = sent
  }
}

/**
 * A commit was sent and the connection went before its answer: it was applied or not. `RedisPlace.settle`, then the
 * records themselves, tell which.
 */
export class LostAnswer extends BackendError {
  constructor(address: string) {
    super('unavailable', `${address}: the connection was lost before the server answered`)
  }
}

/**
 * gone: the connection broke with the command on its way; unsent: it never left; later: the server refused without
 * doing anything, and will not for long; elsewhere: another server has the data now; final: nothing to wait for.
 */
export type Verdict = 'gone' | 'unsent' | 'later' | 'elsewhere' | 'final'

const LATER = new Set(['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN', 'ASK', 'BUSY', 'NOREPLICAS'])

/** What an error of a client (client.ts) means for the command it answers. */
export function verdictOf(error: unknown): Verdict {
  if (error instanceof LostConnection) return error.sent ? 'gone' : 'unsent'
  if (!(error instanceof ReplyError)) return 'final'
  const code = replyCode(error.message)
  if (LATER.has(code)) return 'later'
  if (code === 'MOVED' || code === 'READONLY') return 'elsewhere'
  return 'final'
}

/** An error of a client, as opposed to one of our own code. */
export function isClientError(error: unknown): error is ReplyError | LostConnection {
  return error instanceof ReplyError || error instanceof LostConnection
}

/** The first word of an error reply; of a script's error, the word of the command that failed in it. */
export function replyCode(message: string): string {
  const inScript = /^ERR Error running script.*?: -?([A-Z]{2,}) /.exec(message)?.[1]
  if (inScript !== undefined && inScript !== 'ERR') return inScript
  if (/non local key in a cluster|cross slot/i.test(message)) return 'MOVED'
  return /^-?([A-Z]+)\b/.exec(message)?.[1] ?? ''
}

/** Anything a client rejects with, as a BackendError; other errors pass as they are. */
export function fromRedis(error: unknown, address: string): unknown {
  if (error instanceof BackendError || !isClientError(error)) return error
  const [kind, advice] = explainReply(replyCode(error.message))
  const shown = error.message.replace(/\s*script: [\da-f]{8,}.*$/, '').slice(0, 200)
  return new BackendError(kind, `${address}: ${advice} (${shown})`)
}

function explainReply(code: string): [BackendErrorKind, string] {
  switch (code) {
    case 'OOM':
      return ['no-space', 'the metadata server is at its memory limit and takes no writes; raise maxmemory']
    case 'READONLY':
      return ['read-only', 'this server is a replica and takes no writes until it is promoted']
    case 'MISCONF':
      return ['read-only', 'the metadata server cannot save to its disk and takes no writes; check its disk']
    case 'NOREPLICAS':
      return ['unavailable', 'the metadata server takes no writes while it has too few replicas']
    case 'LOADING':
      return ['unavailable', 'the metadata server is still loading its data']
    case 'MASTERDOWN':
      return ['unavailable', 'this replica has lost its primary']
    case 'BUSY':
      return ['unavailable', 'the metadata server is busy with a long script of another client']
    case 'CLUSTERDOWN':
    case 'TRYAGAIN':
    case 'MOVED':
    case 'ASK':
      return ['unavailable', 'the Redis cluster is moving or has lost the data of this volume']
    case 'NOPERM':
      return [
        'denied',
        'the Redis user lacks the right to a command; grant it ~* &* +@all -@dangerous +info +role +config|get +config|set +client|kill',
      ]
    case 'NOAUTH':
    case 'WRONGPASS':
      return ['denied', 'the metadata server wants another password']
    case 'WRONGTYPE':
      return ['corrupt', 'a key is not of the type it has in a volume: something else uses this database']
    case 'NOSCRIPT':
    case 'EXECABORT':
    case 'ERR':
      return ['invalid', 'the metadata server refused a command']
    default:
      return ['unavailable', 'the metadata server did not answer']
  }
}
