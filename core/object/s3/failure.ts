/** What went wrong with an S3 request, as the kinds that callers act on. Never says a secret. */
import { BackendError, type BackendErrorKind } from '#core/base/errno.ts'
import { redactText } from '#core/base/redact.ts'

/** An answer other than success, whoever parsed it. */
export interface Refused {
  /** S3's error code; '' where the answer had no body (HEAD). */
  readonly code: string
  readonly message: string
  readonly status: number
}

const KINDS: Readonly<Record<string, BackendErrorKind>> = {
  NoSuchKey: 'not-found',
  NotFound: 'not-found',
  NoSuchBucket: 'invalid',
  RequestTimeout: 'unavailable',
  RequestTimeTooSkewed: 'unavailable',
  SlowDown: 'unavailable',
  ThrottlingException: 'unavailable',
  InvalidObjectState: 'invalid',
  OperationAborted: 'conflict',
  ConditionalRequestConflict: 'conflict',
  ExpiredToken: 'denied',
  InvalidToken: 'denied',
  InvalidAccessKeyId: 'denied',
  SignatureDoesNotMatch: 'denied',
  QuotaExceeded: 'no-space',
  XMinioStorageFull: 'no-space',
  XMinioAdminBucketQuotaExceeded: 'no-space',
  BadDigest: 'unavailable',
  IncompleteBody: 'unavailable',
}

const ADVICE: Readonly<Record<string, string>> = {
  NoSuchBucket: 'the bucket does not exist',
  InvalidAccessKeyId: 'the access key is not known there',
  SignatureDoesNotMatch: 'the secret key is wrong',
  RequestTimeTooSkewed: 'the clock of this machine is wrong',
  PermanentRedirect: 'the bucket is in another region',
  AuthorizationHeaderMalformed: 'the bucket is in another region',
}

export function refusedError(what: string, { code, message, status }: Refused): BackendError {
  const kind = KINDS[code] ?? kindOfStatus(status)
  const reason = [ADVICE[code], message].filter(Boolean).join(': ') || kind
  return new BackendError(kind, redactText(`${what}: ${code || `status ${status}`}: ${reason}`))
}

function kindOfStatus(status: number): BackendErrorKind {
  if (status === 401 || status === 403) return 'denied'
  if (status === 404) return 'not-found'
  if (status === 409) return 'conflict'
  if (status === 507) return 'no-space'
  return status === 408 || status === 429 || status >= 500 ? 'unavailable' : 'invalid'
}

/** An error thrown by the SDK or by Node's sockets. */
export function thrownError(what: string, error: unknown): BackendError {
  if (error instanceof BackendError) return error
  if (!(error instanceof Error)) return new BackendError('unavailable', `${what}: ${error}`)
  const metadata = '$metadata' in error ? (error.$metadata as { httpStatusCode?: number }) : undefined
  const status = metadata?.httpStatusCode
  if (status !== undefined && status >= 300) {
    return refusedError(what, { code: error.name, message: error.message, status })
  }
  const code = 'code' in error ? String(error.code) : error.name
  const kind = isAboutCredentials(error) ? 'denied' : 'unavailable'
  return new BackendError(kind, redactText(`${what}: ${code}: ${error.message}`), { cause: error })
}

/** No credentials found anywhere, or a certificate that is not trusted: trying again does not help. */
function isAboutCredentials(error: Error): boolean {
  const code = 'code' in error ? String(error.code) : ''
  return error.name === 'CredentialsProviderError' || /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code)
}

/** The error document S3 sends, by its two elements that matter. */
export function parseRefusal(status: number, body: string): Refused {
  return { code: elementOf(body, 'Code'), message: elementOf(body, 'Message'), status }
}

/** The text of an element of a small XML document; '' when there is none. */
export function elementOf(body: string, name: string): string {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1]
  return text?.replace(/&(amp|lt|gt|quot|apos);/g, entity) ?? ''
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function entity(_: string, name: string): string {
  return ENTITIES[name]!
}
