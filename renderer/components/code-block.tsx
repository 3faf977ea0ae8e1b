import css from './code-block.module.css'

interface Props {
  readonly label: string
  readonly text: string
}

/** Text as a machine wrote it or reads it; long ones scroll. */
export function CodeBlock({ label, text }: Props) {
  return (
    <section className={css.block} aria-label={label}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: scrolled by keys */}
      <pre tabIndex={0}>{text}</pre>
    </section>
  )
}
