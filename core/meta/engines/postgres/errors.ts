/** What PostgreSQL and the way to it say, in the coarse kinds the rest of the program knows. */
import { BackendError, type BackendErrorKind } from '#core/base/errno.ts'

/** The connection went before the answer: what had been sent may have been carried out, or not. */
export class LostAnswer extends Error {
  override readonly name: string = 'LostAnswer'
}

interface Told extends Error {
  readonly code: string
  readonly constraint?: string
}

/** An answer of the server, with its five-character code. Source: PostgreSQL documentation, appendix A. */
export function isTold(error: unknown): error is Told {
  return (
    error instanceof Error &&
    'code' in error &&
    /^[0-9A-Z]{5}$/.test(String(error.code)) &&
    'severity' in error
  )
}

/** Somebody was faster, or holds what we need: look again. */
export function isConflict(error: unknown): error is Told {
  return isTold(error) && ['23505', '40001', '40P01', '55P03'].includes(error.code)
}

/** The server ends this session: it shuts down, crashed beside us, or an administrator says so. */
export function endsSession(error: unknown): boolean {
  return isTold(error) && /^(57P0[1-5]|08...|25P03)$/.test(error.code)
}

/** Worth trying again in a moment. */
export function isPassing(error: unknown): boolean {
  return error instanceof BackendError && error.kind === 'unavailable'
}

/** A prepared statement or function that we made on this connection is not there: somebody shares it out. */
export function betraysPooler(error: unknown): boolean {
  return isTold(error) && ['26000', '42P05', '42883'].includes(error.code)
}

/** Anything thrown by the driver, as a BackendError; errors of our own pass as they are. */
export function fromPostgres(error: unknown, address: string): unknown {
  if (!isTold(error)) return error
  const [kind, advice] = explain(error.code)
  return new BackendError(kind, `${address}: ${advice} (${error.message})`, { cause: error })
}

function explain(code: string): [BackendErrorKind, string] {
  switch (code) {
    case '53100':
      return ['no-space', 'the disk of the PostgreSQL server is full']
    case '53200':
      return ['unavailable', 'the PostgreSQL server is out of memory']
    case '53300':
      return ['unavailable', 'the PostgreSQL server has as many clients as it may; raise max_connections']
    case '25006':
      return ['read-only', 'the PostgreSQL server takes no writes: it is a standby, or set to read only']
    case '42501':
      return [
        'denied',
        'this role may not do that; grant it the rights on the tables, or CREATE on the schema',
      ]
    case '42P01':
      return ['not-found', 'a table of the volume is missing; format a volume, or let a client upgrade it']
    case '3F000':
      return ['not-found', 'there is no such schema; make it with CREATE SCHEMA, or correct search_path']
    case '40001':
    case '40P01':
      return ['conflict', 'another client changes the same records']
    case '23505':
      return ['conflict', 'a record with this key is there already']
    case '55P03':
      return ['unavailable', 'another client keeps a record locked']
    case '57014':
      return ['unavailable', 'the PostgreSQL server took too long']
  }
  if (/^(08|53|57|58)/.test(code)) return ['unavailable', 'the PostgreSQL server cannot answer now']
  if (/^XX/.test(code)) return ['corrupt', 'the PostgreSQL server found its data damaged; see its log']
  if (/^28/.test(code)) return ['denied', 'the PostgreSQL server refused user or password']
  return ['invalid', 'the PostgreSQL server refused a statement']
}
