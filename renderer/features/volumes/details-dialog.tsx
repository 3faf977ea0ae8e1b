import { Button, Modal } from '@mantine/core'
import type { Volume } from '#core/api/volumes.ts'
import { CopyButton } from '../../components/copy-button.tsx'
import { StateMark } from '../../components/state-mark.tsx'
import { useNow } from '../../components/time-ago.tsx'
import { exactTime, until } from '../../format/time.ts'
import { s } from '../../strings/strings.ts'
import css from './details-dialog.module.css'

interface Props {
  readonly volume: Volume
  readonly onClose: () => void
}

/** The whole of what is wrong: what is so, what it means, what to do. */
export function DetailsDialog({ volume: { name, status }, onClose }: Props) {
  const { state, line, detail, next, sinceMs, retryAtMs, attempt } = status
  const nowMs = useNow()
  const words = s.volumes
  const text = [`${name}: ${s.states[state]}`, line, detail, next].filter(Boolean).join('\n')
  return (
    <Modal opened onClose={onClose} title={name} size={560}>
      <div className={css.body}>
        <p className={css.state}>
          <StateMark state={state} />
          <strong>{s.states[state]}</strong>
          <span className={css.dim}>
            {words.since} {exactTime(sinceMs)}
          </span>
        </p>
        <p>{line}</p>
        {next !== undefined && (
          <p>
            <strong>{s.errors.next}</strong> {next}
          </p>
        )}
        {retryAtMs !== undefined && (
          <p className={css.dim}>{words.retry(until(retryAtMs, nowMs), attempt ?? 1)}</p>
        )}
        {detail !== undefined && (
          <details>
            <summary>{s.errors.details}</summary>
            <code>{detail}</code>
          </details>
        )}
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
