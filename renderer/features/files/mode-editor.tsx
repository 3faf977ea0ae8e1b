import { Button, Checkbox, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import type { FileDetails } from '#core/api/files.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import {
  bitOf,
  letters,
  MODE_BITS,
  octal,
  parseOctal,
  type Right,
  type Who,
  withBit,
} from '../../format/mode.ts'
import { s } from '../../strings/strings.ts'
import css from './dialogs.module.css'

const WHO: readonly Who[] = ['owner', 'group', 'others']
const RIGHTS: readonly Right[] = ['read', 'write', 'execute']
const SPECIAL = ['setuid', 'setgid', 'sticky'] as const

interface Props {
  readonly details: FileDetails
  readonly onSave: (mode: number) => Promise<unknown>
}

/** The mode as letters, as digits and as switches: each changes the others. */
export function ModeEditor({ details, onSave }: Props) {
  const words = s.files.details
  const [mode, setMode] = useState(details.mode)
  const [digits, setDigits] = useState(octal(details.mode))
  const save = useMutation({ mutationFn: onSave })
  const change = (next: number) => {
    setMode(next)
    setDigits(octal(next))
  }
  const fixed = !details.can.change
  const badDigits = parseOctal(digits) === undefined
  return (
    <section className={css.section}>
      <h3>
        {words.permissions} <code className={css.letters}>{letters(mode)}</code>
      </h3>
      <table className={css.modes}>
        <thead>
          <tr>
            <td />
            {RIGHTS.map((right) => (
              <th key={right} scope="col">
                {words.right[right]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {WHO.map((who) => (
            <tr key={who}>
              <th scope="row">{words.who[who]}</th>
              {RIGHTS.map((right) => {
                const bit = bitOf(who, right)
                return (
                  <td key={right}>
                    <Checkbox
                      aria-label={`${words.who[who]}: ${words.right[right]}`}
                      checked={(mode & bit) !== 0}
                      disabled={fixed}
                      onChange={(event) => change(withBit(mode, bit, event.currentTarget.checked))}
                    />
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
      <div className={css.row}>
        {SPECIAL.map((bit) => (
          <Checkbox
            key={bit}
            label={words.bits[bit]}
            checked={(mode & MODE_BITS[bit]) !== 0}
            disabled={fixed}
            onChange={(event) => change(withBit(mode, MODE_BITS[bit], event.currentTarget.checked))}
          />
        ))}
      </div>
      <div className={css.row}>
        <TextInput
          className={css.octal}
          label={words.octal}
          value={digits}
          error={badDigits ? words.badOctal : undefined}
          disabled={fixed}
          onChange={(event) => {
            const typed = event.currentTarget.value
            setDigits(typed)
            const parsed = parseOctal(typed)
            if (parsed !== undefined) setMode(parsed)
          }}
          spellCheck={false}
        />
        <Button
          variant="default"
          disabled={badDigits || mode === details.mode}
          loading={save.isPending}
          onClick={() => save.mutate(mode)}
        >
          {words.save}
        </Button>
      </div>
      {save.isError && <ErrorNote error={save.error} doing={s.files.doing.chmod(details.name)} />}
    </section>
  )
}
