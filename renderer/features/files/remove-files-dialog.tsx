import { Button, Modal } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import type { FileEntry } from '#core/api/files.ts'
import { useApi } from '../../api/api.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { s } from '../../strings/strings.ts'
import css from './dialogs.module.css'
import { type FileActions, named } from './use-file-actions.ts'

const MOST_NAMES = 100

interface Props {
  readonly id: string
  readonly entries: readonly FileEntry[]
  readonly actions: FileActions
  readonly onClose: () => void
}

/** Names what goes, and whether it can be had back. */
export function RemoveFilesDialog({ id, entries, actions, onClose }: Props) {
  const { trpc } = useApi()
  const words = s.files
  const format = useQuery({
    queryKey: ['format', id],
    queryFn: ({ signal }) => trpc.volumes.format.query({ id }, { signal }),
  })
  const remove = useMutation({ mutationFn: () => actions.remove(entries), onSuccess: onClose })
  const what = named(entries)
  return (
    <Modal
      opened
      onClose={onClose}
      title={<span className={css.title}>{words.removeTitle(what)}</span>}
      size={480}
    >
      <div className={css.body}>
        {entries.length > 1 && (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: scrolled by keys
          <ul className={css.names} tabIndex={0}>
            {entries.slice(0, MOST_NAMES).map(({ path, name }) => (
              <li key={path}>{name}</li>
            ))}
            {entries.length > MOST_NAMES && (
              <li className={css.dim}>{s.unmount.more(entries.length - MOST_NAMES)}</li>
            )}
          </ul>
        )}
        <p>{format.data !== undefined && words.removeText(format.data.trashDays)}</p>
        {entries.some(({ type }) => type === 'directory') && <p>{words.removeTree}</p>}
        {remove.isError && <ErrorNote error={remove.error} doing={words.doing.remove(what)} />}
        <footer className={css.foot}>
          <Button variant="default" data-autofocus onClick={onClose}>
            {s.common.cancel}
          </Button>
          <Button color="red" onClick={() => remove.mutate()} loading={remove.isPending}>
            {entries.length > 1 ? words.removeTitle(what) : words.remove}
          </Button>
        </footer>
      </div>
    </Modal>
  )
}
