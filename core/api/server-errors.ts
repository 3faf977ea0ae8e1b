/** Errors of the core as errors of the API: a kind, a sentence, a next step; never a secret, never a stack. */
import { TRPCError } from '@trpc/server'
import { z } from 'zod'
import { BackendError, errnoName, FsError } from '#core/base/errno.ts'
import { redactText } from '#core/base/redact.ts'
import { Refusal } from '#core/base/refusal.ts'
import type { ApiErrorData, ApiErrorKind } from './errors.ts'

/** A refusal of a given kind. */
export class ApiRefusal extends Refusal {
  readonly kind: ApiErrorKind

  constructor(kind: ApiErrorKind, message: string, next?: string, options?: ErrorOptions) {
    super(message, next, options)
    this.kind = kind
  }
}

const CODES = {
  refused: 'PRECONDITION_FAILED',
  input: 'BAD_REQUEST',
  'not-found': 'NOT_FOUND',
  gone: 'NOT_FOUND',
  denied: 'FORBIDDEN',
  unavailable: 'SERVICE_UNAVAILABLE',
  conflict: 'CONFLICT',
  cancelled: 'CLIENT_CLOSED_REQUEST',
  internal: 'INTERNAL_SERVER_ERROR',
} as const satisfies Record<ApiErrorKind, TRPCError['code']>

const OF_BACKEND = {
  conflict: 'conflict',
  unavailable: 'unavailable',
  invalid: 'refused',
  corrupt: 'refused',
  denied: 'denied',
  'not-found': 'not-found',
  'no-space': 'refused',
  'read-only': 'denied',
  closed: 'unavailable',
  interrupted: 'cancelled',
} as const satisfies Record<BackendError['kind'], ApiErrorKind>

/** What a service threw, for `errorData` and the log. */
export function toApiError(error: unknown): TRPCError {
  if (error instanceof TRPCError) return error
  const { kind } = describe(error)
  const message = error instanceof Error ? redactText(error.message) : 'unknown failure'
  return new TRPCError({ code: CODES[kind], message, cause: error })
}

/** The `data` of an answer. */
export function errorData(error: TRPCError): ApiErrorData {
  return error.cause === undefined ? { kind: kindOfCode(error.code) } : describe(error.cause)
}

/** The sentence of an answer; input errors name their first field. */
export function errorMessage(error: TRPCError): string {
  if (!(error.cause instanceof z.ZodError)) return redactText(error.message)
  const [first] = error.cause.issues
  if (first === undefined) return 'the input is not valid'
  const path = first.path.join('.')
  return path === '' ? first.message : `${path}: ${first.message}`
}

function describe(error: unknown): ApiErrorData {
  if (error instanceof z.ZodError) {
    const fields: Record<string, string> = {}
    for (const { path, message } of error.issues) fields[path.join('.')] ??= message
    return { kind: 'input', fields }
  }
  if (error instanceof ApiRefusal) return { kind: error.kind, next: error.next }
  if (error instanceof Refusal) return { kind: 'refused', next: error.next }
  if (error instanceof FsError) {
    const errno = errnoName(error.errno)
    return { kind: kindOfErrno(errno), errno }
  }
  if (error instanceof BackendError) {
    return { kind: OF_BACKEND[error.kind] }
  }
  if (error instanceof Error && error.name === 'AbortError') return { kind: 'cancelled' }
  return { kind: 'internal' }
}

function kindOfErrno(errno: string): ApiErrorKind {
  if (errno === 'ENOENT') return 'not-found'
  if (errno === 'EEXIST' || errno === 'ENOTEMPTY' || errno === 'EBUSY') return 'conflict'
  if (errno === 'EACCES' || errno === 'EPERM' || errno === 'EROFS') return 'denied'
  if (errno === 'EINTR') return 'cancelled'
  if (errno === 'EIO') return 'unavailable'
  return 'refused'
}

function kindOfCode(code: TRPCError['code']): ApiErrorKind {
  const found = Object.entries(CODES).find(([, each]) => each === code)
  return (found?.[0] as ApiErrorKind | undefined) ?? (code === 'UNAUTHORIZED' ? 'denied' : 'internal')
}
