import { Button, Checkbox, NumberInput, SegmentedControl } from '@mantine/core'
import { IconX } from '@tabler/icons-react'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import type { AclEntry, FileDetails } from '#core/api/files.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { IconAction } from '../../components/icon-action.tsx'
import { s } from '../../strings/strings.ts'
import { ACL_RIGHTS, entriesOfMode, withNamed, without, withRight } from './acl-entries.ts'
import css from './dialogs.module.css'

interface Props {
  readonly details: FileDetails
  readonly which: 'access' | 'default'
  /** Null takes the list away. */
  readonly onSave: (entries: readonly AclEntry[] | null) => Promise<unknown>
}

/** Who else may do what: each entry with its three rights, people and groups by number. */
export function AclEditor({ details, which, onSave }: Props) {
  const words = s.files.details
  const kept = which === 'access' ? details.acl : details.defaultAcl
  const [entries, setEntries] = useState(kept)
  const save = useMutation({ mutationFn: onSave })
  const title = which === 'access' ? words.acl : words.defaultAcl
  if (entries === null && !details.can.acl) return null
  return (
    <section className={css.section}>
      <h3>{title}</h3>
      {entries === null ? (
        <div>
          <Button variant="default" size="compact-sm" onClick={() => setEntries(entriesOfMode(details.mode))}>
            {words.aclBegin}
          </Button>
        </div>
      ) : (
        <>
          <AclTable label={title} entries={entries} fixed={!details.can.acl} onChange={setEntries} />
          {details.can.acl && (
            <>
              <AddName onAdd={(tag, id) => setEntries(withNamed(entries, tag, id))} />
              <div className={css.row}>
                <Button
                  variant="default"
                  disabled={JSON.stringify(entries) === JSON.stringify(kept)}
                  loading={save.isPending}
                  onClick={() => save.mutate(entries)}
                >
                  {words.aclSave}
                </Button>
                <Button
                  variant="subtle"
                  color="red"
                  disabled={save.isPending}
                  onClick={() => (kept === null ? setEntries(null) : save.mutate(null))}
                >
                  {words.aclRemove}
                </Button>
              </div>
            </>
          )}
        </>
      )}
      {save.isError && <ErrorNote error={save.error} doing={s.files.doing.acl(details.name)} />}
    </section>
  )
}

interface TableProps {
  readonly label: string
  readonly entries: readonly AclEntry[]
  readonly fixed: boolean
  readonly onChange: (entries: readonly AclEntry[]) => void
}

function AclTable({ label, entries, fixed, onChange }: TableProps) {
  const words = s.files.details
  return (
    <table className={css.modes} aria-label={label}>
      <thead>
        <tr>
          <th scope="col">{words.aclColumns.who}</th>
          {ACL_RIGHTS.map((right) => (
            <th key={right} scope="col">
              {words.aclRights[right]}
            </th>
          ))}
          <td />
        </tr>
      </thead>
      <tbody>
        {entries.map((entry, at) => {
          const who = nameOf(entry)
          return (
            <tr key={who}>
              <th scope="row">{who}</th>
              {ACL_RIGHTS.map((right) => (
                <td key={right}>
                  <Checkbox
                    aria-label={`${label}, ${who}: ${words.aclRights[right]}`}
                    checked={entry.perms.includes(right)}
                    disabled={fixed}
                    onChange={(event) => onChange(withRight(entries, at, right, event.currentTarget.checked))}
                  />
                </td>
              ))}
              <td>
                {entry.id !== null && !fixed && (
                  <IconAction
                    icon={IconX}
                    label={words.aclWithout(who)}
                    onClick={() => onChange(without(entries, at))}
                  />
                )}
              </td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}

function AddName({ onAdd }: { readonly onAdd: (tag: 'user' | 'group', id: number) => void }) {
  const words = s.files.details
  const [tag, setTag] = useState<'user' | 'group'>('user')
  const [id, setId] = useState<number | string>('')
  return (
    <div className={css.row}>
      <SegmentedControl
        aria-label={words.aclColumns.who}
        value={tag}
        onChange={(next) => setTag(next as 'user' | 'group')}
        data={[
          { value: 'user', label: words.aclTags.user },
          { value: 'group', label: words.aclTags.group },
        ]}
      />
      <NumberInput
        className={css.octal}
        aria-label={words.aclId}
        placeholder={words.aclId}
        value={id}
        onChange={setId}
        min={0}
        max={2 ** 32 - 2}
        allowDecimal={false}
        hideControls
      />
      <Button
        variant="default"
        disabled={typeof id !== 'number'}
        onClick={() => {
          if (typeof id === 'number') onAdd(tag, id)
          setId('')
        }}
      >
        {words.aclAdd}
      </Button>
    </div>
  )
}

function nameOf({ tag, id }: AclEntry): string {
  const words = s.files.details
  if (id !== null) return `${words.aclTags[tag]} ${id}`
  return tag === 'user' || tag === 'group' ? words.aclOwn[tag] : words.aclTags[tag]
}
