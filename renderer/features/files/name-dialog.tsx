import { Button, Modal, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { ErrorNote } from '../../components/error-note.tsx'
import { s } from '../../strings/strings.ts'
import css from './dialogs.module.css'
import { problemOfName } from './names.ts'

interface Props {
  readonly title: string
  readonly button: string
  readonly name: string
  /** Characters chosen at first. */
  readonly selected: number
  readonly doing: (name: string) => string
  readonly onName: (name: string) => Promise<void>
  readonly onClose: () => void
}

/** Asks for the name of a file or folder. */
export function NameDialog({ title, button, name, selected, doing, onName, onClose }: Props) {
  const [typed, setTyped] = useState(name)
  const change = useMutation({ mutationFn: onName, onSuccess: onClose })
  const problem = problemOfName(typed)
  return (
    <Modal opened onClose={onClose} title={<span className={css.title}>{title}</span>} size={480}>
      <form
        className={css.body}
        onSubmit={(event) => {
          event.preventDefault()
          if (typed === name && name !== '') onClose()
          else if (problem === undefined) change.mutate(typed)
        }}
      >
        <TextInput
          data-autofocus
          label={s.files.nameLabel}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          onFocus={(event) => typed === name && event.currentTarget.setSelectionRange(0, selected)}
          error={typed !== '' && problem}
          autoComplete="off"
          spellCheck={false}
        />
        {change.isError && <ErrorNote error={change.error} doing={doing(typed)} />}
        <footer className={css.foot}>
          <Button variant="default" onClick={onClose}>
            {s.common.cancel}
          </Button>
          <Button type="submit" disabled={problem !== undefined} loading={change.isPending}>
            {button}
          </Button>
        </footer>
      </form>
    </Modal>
  )
}
