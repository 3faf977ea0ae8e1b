/** An error in words to read and to paste into a report. */
import type { ShownError } from '#core/api/errors.ts'
import { s } from '../strings/strings.ts'

/** What a kind of error means for the data, when nothing more exact is known. */
export function meaningOf(error: ShownError): string {
  return s.errors.meanings[error.kind] ?? s.errors.meanings.internal
}

export function errorText(error: ShownError, doing?: string): string {
  const lines = [
    doing === undefined ? undefined : s.errors.failed(doing),
    error.message,
    error.next === undefined ? undefined : `${s.errors.next} ${error.next}`,
    `kind: ${error.kind}`,
    error.errno === undefined ? undefined : `errno: ${error.errno}`,
    ...Object.entries(error.fields ?? {}).map(([field, problem]) => `${field}: ${problem}`),
  ]
  return lines.filter((line) => line !== undefined).join('\n')
}
