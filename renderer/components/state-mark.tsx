import { STATE_TONES, type Tone, type VolumeState } from '#core/api/states.ts'
import { s } from '../strings/strings.ts'
import css from './state-mark.module.css'

interface Props {
  readonly state: VolumeState
  readonly size?: number
  /** Silent beside the state's word. */
  readonly labelled?: boolean
}

/** The state as a shape: each tells itself without its colour. */
export function StateMark({ state, size = 12, labelled = false }: Props) {
  return (
    <svg
      className={css.mark}
      data-tone={STATE_TONES[state]}
      data-moving={state === 'mounting' || state === 'unmounting' ? true : undefined}
      viewBox="0 0 12 12"
      width={size}
      height={size}
      role={labelled ? 'img' : undefined}
      aria-label={labelled ? s.states[state] : undefined}
      aria-hidden={labelled ? undefined : true}
    >
      {SHAPES[state]}
    </svg>
  )
}

const SHAPES: Readonly<Record<VolumeState, React.ReactNode>> = {
  unmounted: <circle cx="6" cy="6" r="4.25" className={css.line} />,
  mounted: <circle cx="6" cy="6" r="5" />,
  uploading: (
    <>
      <circle cx="6" cy="6" r="4.25" className={css.line} />
      <path d="M6 1.75a4.25 4.25 0 0 1 0 8.5z" />
    </>
  ),
  mounting: <path d="M6 1.75A4.25 4.25 0 1 1 1.75 6" className={css.line} />,
  unmounting: <path d="M6 10.25A4.25 4.25 0 1 1 10.25 6" className={css.line} />,
  waiting: <path d="M3 1.5h2v9H3zM7 1.5h2v9H7z" />,
  'read-only': (
    <>
      <rect x="2" y="5" width="8" height="6" rx="1" />
      <path d="M4 5V3.5a2 2 0 0 1 4 0V5" className={css.line} />
    </>
  ),
  failed: <path d="m2.5 2.5 7 7m0-7-7 7" className={css.stroke} />,
  unresponsive: (
    <>
      <path d="M6 1v6.2" className={css.stroke} />
      <circle cx="6" cy="10" r="1.4" />
    </>
  ),
}

export function ToneDot({ tone }: { readonly tone: Tone }) {
  return <span className={css.dot} data-tone={tone} aria-hidden />
}
