import { IconAlertTriangle, IconCircleCheck, IconCircleX, IconInfoCircle } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import css from './notice.module.css'

export type NoticeTone = 'good' | 'note' | 'waiting' | 'bad'

const ICONS = {
  good: IconCircleCheck,
  note: IconInfoCircle,
  waiting: IconAlertTriangle,
  bad: IconCircleX,
} as const

interface Props {
  readonly tone: NoticeTone
  readonly title?: ReactNode
  readonly children?: ReactNode
  readonly actions?: ReactNode
  /** `alert` interrupts a screen reader: for what just went wrong. */
  readonly role?: 'alert' | 'status'
}

/** A sentence that stands out: sign, words, and what can be done about it. */
export function Notice({ tone, title, children, actions, role }: Props) {
  const Glyph = ICONS[tone]
  return (
    <div className={css.notice} data-tone={tone} role={role}>
      <Glyph className={css.sign} size={18} stroke={1.75} aria-hidden />
      <div className={css.words}>
        {title !== undefined && <p className={css.title}>{title}</p>}
        {children}
      </div>
      {actions !== undefined && <div className={css.actions}>{actions}</div>}
    </div>
  )
}
