/** What a refused call says, in the `data` of a tRPC error. Runs anywhere. */

/**
 * `refused`: we will not, and `next` says what to do; `input`: a field is wrong; `not-found`; `gone`: ask again from
 * the start; `denied`: keys or permissions; `unavailable`: a server does not answer; `conflict`: somebody was first;
 * `cancelled`; `internal`: a defect of ours.
 */
export const API_ERROR_KINDS = [
  'refused',
  'input',
  'not-found',
  'gone',
  'denied',
  'unavailable',
  'conflict',
  'cancelled',
  'internal',
] as const
export type ApiErrorKind = (typeof API_ERROR_KINDS)[number]

export interface ApiErrorData {
  readonly kind: ApiErrorKind
  /** The next step, a sentence or a command. */
  readonly next?: string
  /** Name of the errno, such as `ENOENT`, where the file system said it. */
  readonly errno?: string
  /** `input`: the fields, by path (`secrets.accessKey`). */
  readonly fields?: Readonly<Record<string, string>>
}

export interface ShownError extends ApiErrorData {
  readonly message: string
}

/** Anything a call rejected with, as an interface shows it. */
export function shownError(error: unknown): ShownError {
  const { message, data } = error as { message?: string; data?: Partial<ApiErrorData> }
  if (data?.kind !== undefined) return { ...(data as ApiErrorData), message: message ?? data.kind }
  return {
    kind: 'unavailable',
    message:
      message === undefined || message === '' ? 'Pomelo’s background service does not answer.' : message,
    next: 'pomelo daemon start',
  }
}
