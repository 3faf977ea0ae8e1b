import { Button } from '@mantine/core'
import { shownError } from '#core/api/errors.ts'
import { s } from '../strings/strings.ts'
import { CopyButton } from './copy-button.tsx'
import css from './error-note.module.css'
import { errorText, meaningOf } from './error-text.ts'
import { Notice } from './notice.tsx'

interface Props {
  readonly error: unknown
  /** What was being done: "Renaming notes.md". */
  readonly doing?: string
  /** What it means for the data, when more is known than the kind says. */
  readonly meaning?: string
  readonly onRetry?: () => void
  readonly onClose?: () => void
}

/** What happened, what it means for the data, what to do. The rest is folded and can be copied. */
export function ErrorNote({ error, doing, meaning, onRetry, onClose }: Props) {
  const shown = shownError(error)
  return (
    <Notice
      tone="bad"
      role="alert"
      title={doing === undefined ? shown.message : s.errors.failed(doing)}
      actions={
        <>
          {onRetry !== undefined && (
            <Button variant="default" size="compact-sm" onClick={onRetry}>
              {s.common.tryAgain}
            </Button>
          )}
          <CopyButton text={errorText(shown, doing)} label={s.common.copy} />
          {onClose !== undefined && (
            <Button variant="subtle" color="gray" size="compact-sm" onClick={onClose}>
              {s.common.dismiss}
            </Button>
          )}
        </>
      }
    >
      {doing !== undefined && <p>{shown.message}</p>}
      <p className={css.meaning}>{meaning ?? meaningOf(shown)}</p>
      {shown.next !== undefined && (
        <p className={css.next}>
          <span className={css.label}>{s.errors.next}</span> {shown.next}
        </p>
      )}
    </Notice>
  )
}
