import { Button, Modal, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import type { TaskSpec } from '#core/api/tasks.ts'
import { useApi } from '../../api/api.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { Panel } from '../../components/panel.tsx'
import { useUi } from '../../components/ui-store.ts'
import { s } from '../../strings/strings.ts'
import css from './activity.module.css'

/** Checks, garbage, compaction, backup: each with what it does and what it changes. */
export function CarePanel({ id }: { readonly id: string }) {
  const { trpc } = useApi()
  const words = s.activity.start
  const [backingUp, setBackingUp] = useState(false)
  const start = (spec: TaskSpec, what: string) => () => {
    trpc.tasks.start
      .mutate(spec)
      .catch((error: unknown) => useUi.getState().fail(error, words.starting(what)))
  }
  const ways = [
    { ...words.check, run: start({ kind: 'fsck', id }, words.check.title) },
    { ...words.garbage, run: start({ kind: 'gc', id }, words.garbage.title) },
    { ...words.compact, run: start({ kind: 'compact', id }, words.compact.title) },
    { ...words.backup, run: () => setBackingUp(true) },
  ]
  return (
    <Panel title={words.title}>
      <ul className={css.care}>
        {ways.map(({ title, text, button, run }) => (
          <li key={title}>
            <div>
              <h3>{title}</h3>
              <p className={css.dim}>{text}</p>
            </div>
            <Button variant="default" onClick={run}>
              {button}
            </Button>
          </li>
        ))}
      </ul>
      {backingUp && <BackupDialog id={id} onClose={() => setBackingUp(false)} />}
    </Panel>
  )
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
