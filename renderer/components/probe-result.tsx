import { Loader } from '@mantine/core'
import type { ReactNode } from 'react'
import type { MetadataAnswer } from '#core/api/probes.ts'
import { s } from '../strings/strings.ts'
import { ErrorNote } from './error-note.tsx'
import { Findings } from './findings.tsx'
import { Notice } from './notice.tsx'
import css from './probe-result.module.css'

interface Props {
  readonly testing: boolean
  readonly answer: Pick<MetadataAnswer, 'ok' | 'sentence' | 'findings'> | undefined
  readonly error: unknown
  readonly children?: ReactNode
}

/** What a test of an address found, in its own place, which is kept while the next one runs. */
export function ProbeResult({ testing, answer, error, children }: Props) {
  // What a refusal is about: its next step stands with it, the server's own words are folded.
  const main = answer?.ok === false ? answer.findings.find(({ level }) => level === 'problem') : undefined
  return (
    <div className={css.result} aria-live="polite">
      {testing ? (
        <p className={css.testing}>
          <Loader size={14} /> {s.wizard.testing}
        </p>
      ) : error != null ? (
        <ErrorNote error={error} />
      ) : (
        answer !== undefined && (
          <>
            <Notice tone={answer.ok ? 'good' : 'bad'} title={answer.sentence}>
              {children}
              {main?.next !== undefined && (
                <p>
                  <strong>{s.errors.next}</strong> {main.next}
                </p>
              )}
              {main !== undefined && main.sentence !== answer.sentence && (
                <details className={css.details}>
                  <summary>{s.errors.details}</summary>
                  {main.sentence}
                </details>
              )}
            </Notice>
            <Findings findings={answer.findings.filter((finding) => finding !== main)} />
          </>
        )
      )}
    </div>
  )
}
