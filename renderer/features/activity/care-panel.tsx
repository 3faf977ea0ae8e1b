import { Button, Modal, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import type { TaskSpec } from '#core/api/tasks.ts'
import { useApi } from '../../api/api.ts'
import { DeleteLeakedDialog } from '../../components/delete-leaked-dialog.tsx'
import { ErrorNote } from '../../components/error-note.tsx'
import { Panel } from '../../components/panel.tsx'
import { useUi } from '../../components/ui-store.ts'
import { s } from '../../strings/strings.ts'
import css from './activity.module.css'

interface Props {
  readonly id: string
  readonly name: string
}

/** Checks, garbage, compaction, backup: each with what it does and what it changes. */
export function CarePanel({ id, name }: Props) {
  const { trpc } = useApi()
  const words = s.activity.start
  const [backingUp, setBackingUp] = useState(false)
  const [deleting, setDeleting] = useState(false)
  const start = (spec: TaskSpec, what: string) => () => {
    trpc.tasks.start
      .mutate(spec)
      .catch((error: unknown) => useUi.getState().fail(error, words.starting(what)))
  }
  const ways: readonly Way[] = [
    {
      ...words.check,
      run: start({ kind: 'fsck', id }, words.check.title),
      more: { button: words.repair, run: start({ kind: 'fsck', id, repair: true }, words.repair) },
    },
    {
      ...words.garbage,
      run: start({ kind: 'gc', id }, words.garbage.title),
      more: { button: words.deleteLeaked, run: () => setDeleting(true) },
    },
    { ...words.compact, run: start({ kind: 'compact', id }, words.compact.title) },
    { ...words.backup, run: () => setBackingUp(true) },
  ]
  return (
    <Panel title={words.title}>
      <ul className={css.care}>
        {ways.map(({ title, text, button, run, more }) => (
          <li key={title}>
            <div>
              <h3>{title}</h3>
              <p className={css.dim}>{text}</p>
            </div>
            <div className={css.ways}>
              {more !== undefined && (
                <Button variant="default" onClick={more.run}>
                  {more.button}
                </Button>
              )}
              <Button variant="default" onClick={run}>
                {button}
              </Button>
            </div>
          </li>
        ))}
      </ul>
      {backingUp && <BackupDialog id={id} onClose={() => setBackingUp(false)} />}
      {deleting && <DeleteLeakedDialog id={id} name={name} onClose={() => setDeleting(false)} />}
    </Panel>
  )
}

interface Way {
  readonly title: string
  readonly text: string
  readonly button: string
  readonly run: () => void
  /** The same, with consequences. */
  readonly more?: { readonly button: string; readonly run: () => void }
}

function BackupDialog({ id, onClose }: { readonly id: string; readonly onClose: () => void }) {
  const { trpc } = useApi()
  const words = s.activity.start
  const [file, setFile] = useState('')
  const dump = useMutation({
    mutationFn: () => trpc.tasks.start.mutate({ kind: 'dump', id, file }),
    onSuccess: onClose,
  })
  return (
    <Modal opened onClose={onClose} title={words.backup.title} size={480}>
      <form
        className={css.details}
        onSubmit={(event) => {
          event.preventDefault()
          if (file.startsWith('/')) dump.mutate()
        }}
      >
        <p className={css.dim}>{words.backup.text}</p>
        <TextInput
          data-autofocus
          label={words.backupFile}
          description={words.backupHint}
          value={file}
          onChange={(event) => setFile(event.currentTarget.value)}
          spellCheck={false}
        />
        {dump.isError && <ErrorNote error={dump.error} doing={words.backup.title} />}
        <footer className={css.foot}>
          <Button variant="default" onClick={onClose}>
            {s.common.cancel}
          </Button>
          <Button type="submit" disabled={!file.startsWith('/')} loading={dump.isPending}>
            {words.backupStart}
          </Button>
        </footer>
      </form>
    </Modal>
  )
}
