import css from './crumbs.module.css'

interface Props {
  readonly label: string
  /** Absolute in the volume. */
  readonly path: string
  /** What the root is called. */
  readonly root: string
  readonly onPath: (path: string) => void
}

/** The folders above, and the way to each. */
export function Crumbs({ label, path, root, onPath }: Props) {
  const parts = path.split('/').filter((part) => part !== '')
  return (
    <nav className={css.crumbs} aria-label={label}>
      {['/', ...parts.map((_, at) => `/${parts.slice(0, at + 1).join('/')}`)].map((each) => (
        <button key={each} type="button" disabled={each === path} onClick={() => onPath(each)}>
          {each === '/' ? root : each.split('/').at(-1)}
        </button>
      ))}
    </nav>
  )
}
