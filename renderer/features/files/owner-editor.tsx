import { Button, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import type { FileDetails } from '#core/api/files.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { s } from '../../strings/strings.ts'
import css from './dialogs.module.css'

export interface Owners {
  readonly owner?: string
  readonly group?: string
}

interface Props {
  readonly details: FileDetails
  readonly onSave: (owners: Owners) => Promise<unknown>
}

/** User and group, by a name of this computer or by number. */
export function OwnerEditor({ details, onSave }: Props) {
  const words = s.files.details
  const before = {
    owner: details.owner ?? String(details.uid),
    group: details.group ?? String(details.gid),
  }
  const [owner, setOwner] = useState(before.owner)
  const [group, setGroup] = useState(before.group)
  const save = useMutation({ mutationFn: onSave })
  const change: Owners = {
    ...(owner.trim() !== before.owner && { owner: owner.trim() }),
    ...(group.trim() !== before.group && { group: group.trim() }),
  }
  const isEmpty = owner.trim() === '' || group.trim() === ''
  const text = { disabled: !details.can.change, spellCheck: false, autoComplete: 'off' }
  return (
    <form
      className={css.section}
      onSubmit={(event) => {
        event.preventDefault()
        if (!isEmpty && Object.keys(change).length > 0) save.mutate(change)
      }}
    >
      <h3>{words.ownership}</h3>
      <div className={css.row}>
        <TextInput
          className={css.name}
          label={words.owner}
          value={owner}
          onChange={(event) => setOwner(event.currentTarget.value)}
          {...text}
        />
        <TextInput
          className={css.name}
          label={words.group}
          value={group}
          onChange={(event) => setGroup(event.currentTarget.value)}
          {...text}
        />
        <Button
          type="submit"
          variant="default"
          disabled={isEmpty || Object.keys(change).length === 0}
          loading={save.isPending}
        >
          {words.saveOwner}
        </Button>
      </div>
      {save.isError && <ErrorNote error={save.error} doing={s.files.doing.chown(details.name)} />}
    </form>
  )
}
