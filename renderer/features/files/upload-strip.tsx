import { Button, Progress } from '@mantine/core'
import { shownError } from '#core/api/errors.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { Notice } from '../../components/notice.tsx'
import { s } from '../../strings/strings.ts'
import css from './browser.module.css'
import type { UploadItem } from './dropped.ts'
import type { Failure } from './upload-queue.ts'
import type { Uploads } from './use-uploads.ts'

/** What is going up into this folder, and what did not. */
export function UploadStrip({ queue: { queue, add } }: { readonly queue: Uploads }) {
  const words = s.files.uploads
  const { done, all } = queue.progress
  if (!queue.busy && queue.failures.length === 0) return null
  return (
    <section className={css.strip} aria-label={words.title}>
      {queue.busy && (
        <div className={css.running} role="status">
          <span>{words.running(done, all)}</span>
          <Progress flex={1} value={(done / all) * 100} aria-label={words.title} />
          <Button variant="default" size="compact-sm" onClick={() => queue.cancel()}>
            {words.cancel}
          </Button>
        </div>
      )}
      {queue.failures.map((failure) => (
        <FailedUpload
          key={failure.item.name}
          failure={failure}
          onAgain={add}
          onDismiss={() => queue.dismiss(failure)}
        />
      ))}
    </section>
  )
}

interface FailedProps {
  readonly failure: Failure
  readonly onAgain: (items: readonly UploadItem[], overwrite?: boolean) => void
  readonly onDismiss: () => void
}

function FailedUpload({ failure: { item, error }, onAgain, onDismiss }: FailedProps) {
  const words = s.files.uploads
  if (shownError(error).kind !== 'conflict')
    return (
      <ErrorNote
        error={error}
        doing={s.files.doing.upload(item.name)}
        onRetry={() => onAgain([item])}
        onClose={onDismiss}
      />
    )
  return (
    <Notice
      tone="waiting"
      title={words.exists(item.name)}
      actions={
        <>
          <Button variant="default" size="compact-sm" onClick={() => onAgain([item], true)}>
            {words.replace}
          </Button>
          <Button variant="subtle" color="gray" size="compact-sm" onClick={onDismiss}>
            {s.common.dismiss}
          </Button>
        </>
      }
    />
  )
}
