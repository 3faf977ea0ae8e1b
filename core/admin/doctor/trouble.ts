/** An error as a finding. */
import { BackendError, type BackendErrorKind } from '#core/base/errno.ts'
import type { Finding } from '#core/base/finding.ts'
import { redactText } from '#core/base/redact.ts'
import { Refusal } from '#core/base/refusal.ts'

/** Next steps by what a backend did. */
export type Advice = Partial<Record<BackendErrorKind, string>>

/** A problem that says what `error` says, with the Refusal's own next step or the one of its kind. */
export function trouble(code: string, error: unknown, advice: Advice = {}, prefix = ''): Finding {
  const text = redactText(error instanceof Error ? error.message : String(error))
  const next =
    error instanceof Refusal ? error.next : error instanceof BackendError ? advice[error.kind] : undefined
  const sentence = `${prefix}${text}${/[.!?]$/.test(text) ? '' : '.'}`
  return { level: 'problem', code, sentence, ...(next !== undefined && { next }) }
}
