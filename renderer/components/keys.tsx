import { keyNames } from './key-names.ts'
import css from './keys.module.css'

/** A shortcut as key caps. */
export function Keys({ keys, inverse = false }: { readonly keys: string; readonly inverse?: boolean }) {
  return (
    <span className={css.keys} data-inverse={inverse || undefined}>
      {keyNames(keys).map((name) => (
        <kbd key={name}>{name}</kbd>
      ))}
    </span>
  )
}
