import { Button, Modal, TextInput } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import { s } from '../strings/strings.ts'
import css from './confirm-name.module.css'
import { ErrorNote } from './error-note.tsx'

interface Props {
  readonly title: string
  /** To be typed. */
  readonly name: string
  readonly button: string
  readonly children: ReactNode
  readonly busy: boolean
  readonly error: unknown
  readonly onConfirm: (typed: string) => void
  readonly onClose: () => void
}

/** Something that cannot be taken back: it names its object and asks for the name. */
export function ConfirmName({ title, name, button, children, busy, error, onConfirm, onClose }: Props) {
  const [typed, setTyped] = useState('')
  const matches = typed === name
  return (
    <Modal opened onClose={onClose} title={title} size={520}>
      <form
        className={css.form}
        onSubmit={(event) => {
          event.preventDefault()
          if (matches) onConfirm(typed)
        }}
      >
        <div>{children}</div>
        <TextInput
          data-autofocus
          label={s.common.typeName(name)}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          autoComplete="off"
          spellCheck={false}
        />
        {error != null && <ErrorNote error={error} doing={title} />}
        <footer className={css.foot}>
          <Button variant="default" onClick={onClose}>
            {s.common.cancel}
          </Button>
          <Button type="submit" color="red" disabled={!matches} loading={busy}>
            <span className={css.button}>{button}</span>
          </Button>
        </footer>
      </form>
    </Modal>
  )
}
