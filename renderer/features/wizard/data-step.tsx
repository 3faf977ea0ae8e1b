import { PasswordInput, Select, TextInput } from '@mantine/core'
import { STORE_PRESETS } from '#core/api/presets.ts'
import { Notice } from '../../components/notice.tsx'
import { ProbeResult } from '../../components/probe-result.tsx'
import { latency } from '../../format/time.ts'
import { s } from '../../strings/strings.ts'
import { bucketOfDraft, presetOf } from './draft.ts'
import { Question } from './question.tsx'
import type { StepProps } from './step-props.ts'
import css from './wizard.module.css'

export function DataStep({ draft, places, probes: { data }, onChange }: StepProps) {
  const words = s.wizard.data
  const { presetKey, fields, accessKey, secretKey, engine } = draft
  const preset = presetOf(draft)
  const { answer } = data
  const isFolder = preset.key === 'folder'
  const text = { autoComplete: 'off', spellCheck: false }
  return (
    <Question title={words.title} text={words.text}>
      <Select
        label={words.preset}
        description={preset.note}
        data={STORE_PRESETS.map(({ key, label }) => ({ value: key, label }))}
        value={presetKey}
        onChange={(key) => key !== null && onChange({ presetKey: key })}
        allowDeselect={false}
      />
      <div className={css.pair} style={isFolder ? { gridTemplateColumns: '1fr' } : undefined}>
        {preset.fields.map(({ name, label, example }) => (
          <TextInput
            key={name}
            label={label}
            placeholder={isFolder ? bucketOfDraft({ ...draft, fields: {} }, places) : example}
            value={fields[name] ?? ''}
            onChange={(event) => onChange({ fields: { ...fields, [name]: event.currentTarget.value } })}
            {...text}
          />
        ))}
      </div>
      {preset.needsKeys && (
        <div className={css.pair}>
          <TextInput
            label={preset.keyWords.access}
            value={accessKey}
            onChange={(event) => onChange({ accessKey: event.currentTarget.value })}
            {...text}
          />
          <PasswordInput
            label={preset.keyWords.secret}
            value={secretKey}
            onChange={(event) => onChange({ secretKey: event.currentTarget.value })}
            autoComplete="off"
          />
        </div>
      )}
      <ProbeResult {...data}>
        {answer?.putMs != null && answer.getMs !== null && answer.deleteMs !== null && (
          <p>{words.roundTrips(latency(answer.putMs), latency(answer.getMs), latency(answer.deleteMs))}</p>
        )}
      </ProbeResult>
      {answer?.isFree === false && <Notice tone="bad">{words.occupied}</Notice>}
      {engine === 'sqlite' && !isFolder && <Notice tone="note">{words.remoteOnLocal}</Notice>}
      {engine !== 'sqlite' && isFolder && <Notice tone="waiting">{words.localOnRemote}</Notice>}
    </Question>
  )
}
