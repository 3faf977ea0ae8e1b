import { TextInput } from '@mantine/core'
import { s } from '../../strings/strings.ts'
import { asName, isName } from './draft.ts'
import { Question } from './question.tsx'
import type { StepProps } from './step-props.ts'

export function NameStep({ draft: { name }, onChange }: StepProps) {
  const words = s.wizard.name
  return (
    <Question title={words.title} text={words.text}>
      <TextInput
        autoFocus
        label={words.label}
        description={words.hint}
        placeholder={words.example}
        value={name}
        error={name.length > 2 && !isName(name) ? words.bad : undefined}
        onChange={(event) => onChange({ name: asName(event.currentTarget.value), keyProven: false })}
        autoComplete="off"
        spellCheck={false}
        maxLength={63}
      />
    </Question>
  )
}
