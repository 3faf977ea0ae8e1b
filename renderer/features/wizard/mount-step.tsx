import { Switch, TextInput } from '@mantine/core'
import { ProbeResult } from '../../components/probe-result.tsx'
import { s } from '../../strings/strings.ts'
import { mountPointOf } from './draft.ts'
import { Question } from './question.tsx'
import type { StepProps } from './step-props.ts'

export function MountStep({ draft, places, probes, onChange }: StepProps) {
  const words = s.wizard.mount
  const { mountPoint, mountNow, mountAtLogin, writeback } = draft
  return (
    <Question title={words.title} text={words.text}>
      <TextInput
        autoFocus
        label={words.place}
        placeholder={mountPointOf({ ...draft, mountPoint: '' }, places)}
        value={mountPoint}
        onChange={(event) => onChange({ mountPoint: event.currentTarget.value })}
        autoComplete="off"
        spellCheck={false}
      />
      <ProbeResult {...probes.mountPoint} />
      <Switch
        label={words.now}
        checked={mountNow}
        onChange={(event) => onChange({ mountNow: event.currentTarget.checked })}
      />
      <Switch
        label={words.atLogin}
        checked={mountAtLogin}
        onChange={(event) => onChange({ mountAtLogin: event.currentTarget.checked })}
      />
      <Switch
        label={words.writeback}
        description={words.writebackHint}
        checked={writeback}
        onChange={(event) => onChange({ writeback: event.currentTarget.checked })}
      />
    </Question>
  )
}
