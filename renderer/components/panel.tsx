import type { ReactNode } from 'react'
import { useId } from 'react'
import css from './panel.module.css'

interface Props {
  readonly title: string
  /** Beside the title, quieter. */
  readonly note?: ReactNode
  readonly actions?: ReactNode
  readonly children: ReactNode
  readonly className?: string | undefined
}

/** A titled part of a page. */
export function Panel({ title, note, actions, children, className }: Props) {
  const id = useId()
  return (
    <section className={`${css.panel} ${className ?? ''}`} aria-labelledby={id}>
      <header className={css.head}>
        <h2 id={id}>{title}</h2>
        {note !== undefined && <span className={css.note}>{note}</span>}
        {actions !== undefined && <div className={css.actions}>{actions}</div>}
      </header>
      {children}
    </section>
  )
}
