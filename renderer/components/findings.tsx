import type { MetadataAnswer } from '#core/api/probes.ts'
import css from './findings.module.css'
import { Notice, type NoticeTone } from './notice.tsx'

type Finding = MetadataAnswer['findings'][number]

const TONES: Readonly<Record<Finding['level'], NoticeTone>> = {
  ok: 'good',
  note: 'note',
  warning: 'waiting',
  problem: 'bad',
}

/** What a check found, gravest first, each with its fix. */
export function Findings({ findings }: { readonly findings: readonly Finding[] }) {
  if (findings.length === 0) return null
  const order = ['problem', 'warning', 'note', 'ok']
  const sorted = [...findings].sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level))
  return (
    <ul className={css.list}>
      {sorted.map(({ level, code, sentence, next }) => (
        <li key={code}>
          <Notice tone={TONES[level]}>
            <p>{sentence}</p>
            {next !== undefined && <p className={css.next}>{next}</p>}
          </Notice>
        </li>
      ))}
    </ul>
  )
}
