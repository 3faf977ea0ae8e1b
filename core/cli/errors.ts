/** Errors for people: `pomelo: <what>: <cause>` and a next step. */
import { BackendError, FsError } from '#core/base/errno.ts'
import { redactText } from '#core/base/redact.ts'
import { Refusal } from '#core/base/refusal.ts'
import { UsageError } from './options.ts'

export const EXIT_OK = 0
export const EXIT_FAILED = 1
export const EXIT_USAGE = 2
export const EXIT_INTERRUPTED = 130

/** How a command ended; without lines it says nothing. */
export interface Ending {
  readonly code: number
  readonly lines: readonly string[]
}

/** What to print and return for `error` from the command called `name`. */
export function describeError(error: unknown, name: string, verbose: boolean): Ending {
  if (isInterrupt(error)) return { code: EXIT_INTERRUPTED, lines: ['pomelo: interrupted'] }
  if (error instanceof UsageError) {
    return { code: EXIT_USAGE, lines: [`pomelo: ${name}: ${error.message}`, `  → pomelo ${name} --help`] }
  }
  const lines = [`pomelo: ${name}: ${redactText(messageOf(error))}`]
  const next = nextStep(error)
  if (next !== undefined) lines.push(`  → ${next}`)
  if (verbose || isBug(error)) lines.push(...trace(error))
  return { code: EXIT_FAILED, lines }
}

function isInterrupt(error: unknown): boolean {
  if (error instanceof BackendError) return error.kind === 'interrupted'
  return error instanceof Error && error.name === 'AbortError'
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const errno = error as NodeJS.ErrnoException
  if (typeof errno.syscall === 'string' && typeof errno.code === 'string') {
    const path = errno.path === undefined ? '' : ` ${errno.path}`
    return `${errno.syscall}${path}: ${SYSTEM_TEXTS[errno.code] ?? errno.code}`
  }
  return error.message
}

const SYSTEM_TEXTS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EEXIST: 'it exists already',
  ENOTDIR: 'not a directory',
  EISDIR: 'it is a directory',
  ENOSPC: 'no space left on the device',
  EROFS: 'read-only file system',
  ENOTCONN: 'the mount there is dead',
  ECONNREFUSED: 'connection refused',
}

function nextStep(error: unknown): string | undefined {
  if (error instanceof Refusal) return error.next
  if (!(error instanceof BackendError)) return undefined
  switch (error.kind) {
    case 'unavailable':
      return 'check that the server runs and that this machine reaches it; then run the command again'
    case 'denied':
      return 'check the keys or the password (ACCESS_KEY and SECRET_KEY, META_PASSWORD), and your rights'
    case 'corrupt':
      return 'run `pomelo fsck META-URL` to see what is damaged'
    case 'no-space':
      return 'free some space there'
    default:
      return undefined
  }
}

/** An error nobody wrote for people: its stack helps whoever mends it. */
function isBug(error: unknown): boolean {
  return (
    !(error instanceof Refusal || error instanceof BackendError || error instanceof FsError) &&
    !(error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string')
  )
}

function trace(error: unknown): string[] {
  const lines: string[] = []
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const text = redactText(at.stack ?? at.message)
    lines.push(...(depth === 0 ? text : `caused by ${text}`).split('\n').map((line) => `  ${line}`))
  }
  return lines
}
