import { Button, Modal } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useApi } from '../api/api.ts'
import { s } from '../strings/strings.ts'
import { ErrorNote } from './error-note.tsx'
import { useUi } from './ui-store.ts'
import css from './warm-up-dialog.module.css'

interface Props {
  readonly id: string
  readonly path: string
  /** What it is called. */
  readonly what: string
  /** Bytes of it that are here, in words. */
  readonly here: string
  readonly onClose: () => void
}

/** What dropping means is told before it is done: no data are lost, and reading them again takes the network. */
export function DropDialog({ id, path, what, here, onClose }: Props) {
  const { trpc } = useApi()
  const words = s.cache.drop
  const drop = useMutation({
    mutationFn: () => trpc.tasks.start.mutate({ kind: 'drop-cache', id, paths: [path] }),
    onSuccess: () => {
      onClose()
      useUi.getState().say(words.started)
    },
  })
  return (
    <Modal opened onClose={onClose} title={<span className={css.title}>{words.title(what)}</span>} size={480}>
      <div className={css.body}>
        <p>{words.text(here)}</p>
        <p className={css.dim}>{words.stays}</p>
        {drop.error !== null && <ErrorNote error={drop.error} doing={s.files.doing.drop(what)} />}
        <footer className={css.foot}>
          <Button variant="default" onClick={onClose}>
            {s.common.cancel}
          </Button>
          <Button data-autofocus loading={drop.isPending} onClick={() => drop.mutate()}>
            {words.button}
          </Button>
        </footer>
      </div>
    </Modal>
  )
}
