import { Button, TextInput } from '@mantine/core'
import { useEffect, useState } from 'react'
import { s } from '../strings/strings.ts'
import css from './folder-field.module.css'

interface Props {
  readonly label: string
  readonly hint?: string
  readonly placeholder?: string
  readonly value: string
  /** When it was typed to the end, or chosen. */
  readonly onChange: (folder: string) => void
}

/** A folder, typed or chosen in the desktop's dialog where there is one. */
export function FolderField({ label, hint, placeholder, value, onChange }: Props) {
  const [typed, setTyped] = useState(value)
  useEffect(() => setTyped(value), [value])
  const desktop = window.pomeloDesktop
  const keep = () => {
    if (typed.trim() !== value) onChange(typed.trim())
  }
  return (
    <div className={css.row}>
      <TextInput
        className={css.input}
        label={label}
        description={hint}
        placeholder={placeholder}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        onBlur={keep}
        onKeyDown={(event) => event.key === 'Enter' && keep()}
        spellCheck={false}
        autoComplete="off"
      />
      {desktop !== undefined && (
        <Button
          variant="default"
          onClick={() => {
            void desktop
              .chooseFolder({ title: label, defaultPath: value })
              .then((folder) => folder !== null && onChange(folder))
          }}
        >
          {s.settings.start.choose}
        </Button>
      )}
    </div>
  )
}
