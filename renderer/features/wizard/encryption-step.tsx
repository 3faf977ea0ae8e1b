import { Button, Loader, TextInput } from '@mantine/core'
import { IconDownload, IconPrinter } from '@tabler/icons-react'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import type { GeneratedKey } from '#core/api/probes.ts'
import { useApi } from '../../api/api.ts'
import { Choice } from '../../components/choice.tsx'
import { CopyButton } from '../../components/copy-button.tsx'
import { ErrorNote } from '../../components/error-note.tsx'
import { Notice } from '../../components/notice.tsx'
import { saveText } from '../../components/save-file.ts'
import { s } from '../../strings/strings.ts'
import { Question } from './question.tsx'
import { isProven, listed, placesToAsk } from './recovery.ts'
import type { StepProps } from './step-props.ts'
import css from './wizard.module.css'

export function EncryptionStep({ draft, onChange }: StepProps) {
  const { trpc } = useApi()
  const words = s.wizard.encryption
  const make = useMutation({
    mutationFn: () => trpc.probes.generateKey.mutate(),
    onSuccess: (key) => onChange({ key, keyProven: false }),
  })
  const { encrypt, key } = draft

  function choose(value: 'off' | 'on'): void {
    onChange({ encrypt: value === 'on' })
    if (value === 'on' && key === null && !make.isPending) make.mutate()
  }

  return (
    <Question title={words.title} text={words.text}>
      <Choice
        label={words.title}
        value={encrypt ? 'on' : 'off'}
        onChange={choose}
        options={[
          { value: 'off', title: words.off, text: words.offText },
          { value: 'on', title: words.on, text: words.onText },
        ]}
      />
      {make.isError && <ErrorNote error={make.error} doing={words.making} onRetry={() => make.mutate()} />}
      {encrypt && make.isPending && (
        <p className={css.row}>
          <Loader size={14} /> {words.making}
        </p>
      )}
      {encrypt && key !== null && <RecoveryKey recovery={key} draft={draft} onChange={onChange} />}
    </Question>
  )
}

interface RecoveryProps extends Pick<StepProps, 'draft' | 'onChange'> {
  readonly recovery: GeneratedKey
}

/** Shows the key, has it saved, and asks for four characters: hidden again while they are typed. */
function RecoveryKey({ recovery, draft: { name, keyProven }, onChange }: RecoveryProps) {
  const { recoveryKey, fingerprint } = recovery
  const words = s.wizard.encryption
  const [saved, setSaved] = useState(keyProven)
  const [answer, setAnswer] = useState('')
  const [places] = useState(() => placesToAsk(recoveryKey, randomShare))
  const text = words.fileText(name, recoveryKey, fingerprint)
  const complete = answer.replace(/[\s,-]/g, '').length >= places.length
  return (
    <>
      <Notice tone="waiting" title={words.key}>
        {words.keyText}
      </Notice>
      <output className={css.key} aria-label={words.key}>
        {recoveryKey}
      </output>
      <div className={css.row}>
        <CopyButton text={recoveryKey} onCopied={() => setSaved(true)} />
        <Button
          variant="default"
          size="compact-sm"
          leftSection={<IconDownload size={14} />}
          onClick={() => {
            saveText(`${name}-recovery-key.txt`, text)
            setSaved(true)
          }}
        >
          {words.save}
        </Button>
        <Button
          variant="default"
          size="compact-sm"
          leftSection={<IconPrinter size={14} />}
          onClick={() => {
            window.print()
            setSaved(true)
          }}
        >
          {words.print}
        </Button>
      </div>
      <TextInput
        label={words.ask(listed(places))}
        description={saved ? words.askHint : words.savedFirst}
        disabled={!saved}
        value={answer}
        onChange={(event) => {
          const typed = event.currentTarget.value
          setAnswer(typed)
          onChange({ keyProven: isProven(recoveryKey, places, typed) })
        }}
        error={complete && !keyProven ? words.wrong : undefined}
        autoComplete="off"
        spellCheck={false}
      />
      <div role="status">{keyProven && <Notice tone="good">{words.right}</Notice>}</div>
    </>
  )
}

function randomShare(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32
}
