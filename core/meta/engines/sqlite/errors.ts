/** What SQLite says, in the coarse kinds the rest of the program knows. */
import { BackendError, type BackendErrorKind } from '#core/base/errno.ts'

interface SqliteFailure extends Error {
  readonly code: string
}

export function isSqliteError(error: unknown): error is SqliteFailure {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_')
}

/** Somebody else holds the lock we need: worth waiting for. */
export function isBusy(error: unknown): boolean {
  return isSqliteError(error) && /^SQLITE_(BUSY|LOCKED)/.test(error.code)
}

/** Anything thrown by the driver, as a BackendError; other errors pass as they are. */
export function fromSqlite(error: unknown, address: string): unknown {
  if (error instanceof TypeError && error.message.includes('database connection is not open'))
    return new BackendError('closed', `${address}: the metadata file has been closed`, { cause: error })
  if (!isSqliteError(error)) return error
  const [kind, advice] = explain(error.code)
  return new BackendError(kind, `${address}: ${advice} (${error.message})`, { cause: error })
}

function explain(code: string): [BackendErrorKind, string] {
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED'))
    return ['unavailable', 'another process keeps the metadata file locked']
  if (code === 'SQLITE_FULL') return ['no-space', 'the disk that holds the metadata file is full']
  if (code.startsWith('SQLITE_READONLY'))
    return ['denied', 'the metadata file or its directory cannot be written; check its permissions']
  if (code.startsWith('SQLITE_CORRUPT')) return ['corrupt', 'the metadata file is damaged; restore a backup']
  if (code === 'SQLITE_NOTADB') return ['corrupt', 'this file is not an SQLite database']
  if (code.startsWith('SQLITE_CANTOPEN'))
    return ['denied', 'the metadata file cannot be opened; check that it exists and its permissions']
  if (code === 'SQLITE_PERM' || code === 'SQLITE_AUTH')
    return ['denied', 'access to the metadata file was refused']
  if (code.startsWith('SQLITE_IOERR')) return ['unavailable', 'the disk that holds the metadata file failed']
  if (code.startsWith('SQLITE_CONSTRAINT')) return ['conflict', 'a record with this key is there already']
  if (code === 'SQLITE_NOMEM') return ['unavailable', 'out of memory']
  return ['invalid', 'the metadata file refused a statement']
}
