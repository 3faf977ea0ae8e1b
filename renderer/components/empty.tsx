import type { ReactNode } from 'react'
import css from './empty.module.css'

interface Props {
  readonly title: string
  readonly children?: ReactNode
  readonly actions?: ReactNode
}

/** Nothing here: why, and the way on. */
export function Empty({ title, children, actions }: Props) {
  return (
    <div className={css.empty}>
      <h2>{title}</h2>
      {children !== undefined && <div className={css.words}>{children}</div>}
      {actions !== undefined && <div className={css.actions}>{actions}</div>}
    </div>
  )
}
