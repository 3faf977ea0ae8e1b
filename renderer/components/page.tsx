import type { ReactNode } from 'react'
import css from './page.module.css'

interface Props {
  readonly title: string
  readonly note?: ReactNode
  readonly actions?: ReactNode
  readonly children: ReactNode
  /** The content scrolls by itself. */
  readonly fixed?: boolean
}

/** A page of its own, with its title. */
export function Page({ title, note, actions, children, fixed = false }: Props) {
  return (
    <div className={css.page} data-fixed={fixed || undefined}>
      <header className={css.head}>
        <h1>{title}</h1>
        {note !== undefined && <span className={css.note}>{note}</span>}
        {actions !== undefined && <div className={css.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  )
}
