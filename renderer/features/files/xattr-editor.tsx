import { Button, Checkbox, TextInput } from '@mantine/core'
import { IconPencil, IconX } from '@tabler/icons-react'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import type { FileDetails } from '#core/api/files.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { IconAction } from '../../components/icon-action.tsx'
import { PlainTable } from '../../components/plain-table.tsx'
import { s } from '../../strings/strings.ts'
import css from './dialogs.module.css'

export type Xattr = FileDetails['xattrs'][number]

interface Props {
  readonly details: FileDetails
  readonly onSet: (xattr: Xattr) => Promise<unknown>
  readonly onRemove: (name: string) => Promise<unknown>
}

const NEW: Xattr = { name: 'user.', value: '', encoding: 'text' }

/** Names and values that programs have put beside the bytes, and some more. */
export function XattrEditor({ details, onSet, onRemove }: Props) {
  const words = s.files.details
  const { xattrs, can, name: file } = details
  const [draft, setDraft] = useState<Xattr | null>(null)
  const set = useMutation({ mutationFn: onSet, onSuccess: () => setDraft(null) })
  const remove = useMutation({ mutationFn: onRemove })
  if (xattrs.length === 0 && !can.xattrs) return null
  return (
    <section className={css.section}>
      <h3>{words.xattrs}</h3>
      {xattrs.length > 0 && (
        <PlainTable
          label={words.xattrs}
          columns={[
            { title: words.xattrColumns.name },
            { title: words.xattrColumns.value },
            ...(can.xattrs ? [{ title: '', end: true }] : []),
          ]}
          rows={xattrs.map((xattr) => ({
            key: xattr.name,
            hover: xattr.encoding === 'hex' ? words.hex : xattr.value,
            cells: [
              <code key="name" className={css.short}>
                {xattr.name}
              </code>,
              <code key="value" className={css.short}>
                {xattr.encoding === 'hex' ? `0x${xattr.value}` : xattr.value}
              </code>,
              ...(can.xattrs
                ? [
                    <span key="do" className={css.icons}>
                      <IconAction
                        icon={IconPencil}
                        label={words.xattrEdit(xattr.name)}
                        onClick={() => setDraft(xattr)}
                      />
                      <IconAction
                        icon={IconX}
                        label={words.xattrRemove(xattr.name)}
                        onClick={() => remove.mutate(xattr.name)}
                      />
                    </span>,
                  ]
                : []),
            ],
          }))}
        />
      )}
      {can.xattrs && draft === null && (
        <div>
          <Button variant="default" size="compact-sm" onClick={() => setDraft(NEW)}>
            {words.xattrAdd}
          </Button>
        </div>
      )}
      {draft !== null && (
        <XattrForm
          draft={draft}
          busy={set.isPending}
          onChange={setDraft}
          onSave={() => set.mutate(draft)}
          onCancel={() => setDraft(null)}
        />
      )}
      {set.isError && <ErrorNote error={set.error} doing={s.files.doing.xattr(file)} />}
      {remove.isError && <ErrorNote error={remove.error} doing={s.files.doing.xattr(file)} />}
    </section>
  )
}

interface FormProps {
  readonly draft: Xattr
  readonly busy: boolean
  readonly onChange: (draft: Xattr) => void
  readonly onSave: () => void
  readonly onCancel: () => void
}

function XattrForm({ draft, busy, onChange, onSave, onCancel }: FormProps) {
  const words = s.files.details
  const { name, value, encoding } = draft
  const badName = !/^(user|trusted|security)\../.test(name)
  const badHex = encoding === 'hex' && !/^([\da-f]{2})*$/i.test(value)
  const text = { spellCheck: false, autoComplete: 'off' }
  return (
    <form
      className={css.body}
      onSubmit={(event) => {
        event.preventDefault()
        if (!badName && !badHex) onSave()
      }}
    >
      <TextInput
        autoFocus
        label={words.xattrColumns.name}
        description={words.xattrNameHint}
        value={name}
        onChange={(event) => onChange({ ...draft, name: event.currentTarget.value })}
        {...text}
      />
      <TextInput
        label={words.xattrColumns.value}
        value={value}
        error={badHex ? words.badHex : undefined}
        onChange={(event) => onChange({ ...draft, value: event.currentTarget.value })}
        {...text}
      />
      <Checkbox
        label={words.asHex}
        checked={encoding === 'hex'}
        onChange={(event) => onChange({ ...draft, encoding: event.currentTarget.checked ? 'hex' : 'text' })}
      />
      <div className={css.row}>
        <Button type="submit" variant="default" disabled={badName || badHex} loading={busy}>
          {words.xattrSave}
        </Button>
        <Button variant="subtle" color="gray" onClick={onCancel}>
          {s.common.cancel}
        </Button>
      </div>
    </form>
  )
}
