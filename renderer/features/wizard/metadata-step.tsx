import { Anchor, PasswordInput, TextInput } from '@mantine/core'
import { Choice } from '../../components/choice.tsx'
import { Notice } from '../../components/notice.tsx'
import { ProbeResult } from '../../components/probe-result.tsx'
import { hrefOf } from '../../components/route.ts'
import { s } from '../../strings/strings.ts'
import { type DraftEngine, hasPassword, metaUrlOf } from './draft.ts'
import { Question } from './question.tsx'
import type { StepProps } from './step-props.ts'

const ENGINES: readonly DraftEngine[] = ['sqlite', 'redis', 'postgres', 'tikv', 'etcd']

export function MetadataStep({ draft, places, probes: { metadata }, onChange }: StepProps) {
  const words = s.wizard.metadata
  const { engine, addresses, metaPassword } = draft
  const isLocal = engine === 'sqlite'
  const found = metadata.answer?.volume ?? null
  return (
    <Question title={words.title} text={words.text}>
      <Choice
        label={words.title}
        value={engine}
        onChange={(next) => onChange({ engine: next })}
        options={ENGINES.map((value) => ({ value, ...words.choices[value] }))}
      />
      <TextInput
        key={engine}
        label={isLocal ? words.file : words.address}
        placeholder={
          isLocal
            ? metaUrlOf({ ...draft, addresses: { ...addresses, sqlite: '' } }, places).slice(
                'sqlite3://'.length,
              )
            : words.addressHint[engine]
        }
        value={addresses[engine]}
        onChange={(event) => onChange({ addresses: { ...addresses, [engine]: event.currentTarget.value } })}
        autoComplete="off"
        spellCheck={false}
      />
      {hasPassword(engine) && (
        <PasswordInput
          label={words.password}
          description={words.passwordHint}
          value={metaPassword}
          onChange={(event) => onChange({ metaPassword: event.currentTarget.value })}
          autoComplete="off"
        />
      )}
      {found === null ? (
        <ProbeResult {...metadata} />
      ) : (
        <Notice
          tone="waiting"
          title={words.exists(found.volumeName)}
          actions={<Anchor href={hrefOf({ page: 'connect' })}>{words.connectInstead}</Anchor>}
        />
      )}
    </Question>
  )
}
