import { Button, Modal } from '@mantine/core'
import type { LogEvent } from '#core/api/events.ts'
import { CopyButton } from '../../components/copy-button.tsx'
import { exactTime } from '../../format/time.ts'
import { s } from '../../strings/strings.ts'
import css from './activity.module.css'

interface Props {
  readonly event: LogEvent
  readonly onClose: () => void
}

/** One event whole: what happened and what to do. */
export function EventDetails({
  event: { atMs, level, volumeName, sentence, detail, next, kind },
  onClose,
}: Props) {
  const text = [exactTime(atMs), `${level} ${kind} ${volumeName ?? ''}`.trim(), sentence, detail, next]
    .filter(Boolean)
    .join('\n')
  return (
    <Modal opened onClose={onClose} title={volumeName ?? s.activity.levelOne[level]} size={520}>
      <div className={css.details}>
        <p className={css.dim}>
          {exactTime(atMs)} · {s.activity.levelOne[level]}
        </p>
        <p>{sentence}</p>
        {next !== undefined && (
          <p>
            <strong>{s.errors.next}</strong> {next}
          </p>
        )}
        {detail !== undefined && <code>{detail}</code>}
        <footer className={css.foot}>
          <CopyButton text={text} />
          <Button data-autofocus onClick={onClose}>
            {s.common.close}
          </Button>
        </footer>
      </div>
    </Modal>
  )
}
