import { Button, Modal } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useApi } from '../api/api.ts'
import { bytes } from '../format/bytes.ts'
import { count } from '../format/number.ts'
import { s } from '../strings/strings.ts'
import { ErrorNote } from './error-note.tsx'
import { useUi } from './ui-store.ts'
import css from './warm-up-dialog.module.css'

interface Props {
  readonly id: string
  readonly paths: readonly string[]
  /** What they are called together. */
  readonly what: string
  readonly onClose: () => void
}

/** What a warm-up would fetch is told before it costs anything. */
export function WarmUpDialog({ id, paths, what, onClose }: Props) {
  const { trpc } = useApi()
  const words = s.files.warm
  const estimate = useQuery({
    queryKey: ['estimate', id, paths],
    queryFn: ({ signal }) => trpc.files.cacheEstimate.query({ id, paths: [...paths] }, { signal }),
  })
  const start = useMutation({
    mutationFn: () => trpc.tasks.start.mutate({ kind: 'warm-up', id, paths: [...paths] }),
    onSuccess: () => {
      onClose()
      useUi.getState().say(words.started)
    },
  })
  const { data } = estimate
  const error = estimate.error ?? start.error
  return (
    <Modal opened onClose={onClose} title={<span className={css.title}>{words.title(what)}</span>} size={480}>
      <div className={css.body}>
        <div role="status">
          {estimate.isPending && <p className={css.dim}>{words.counting}</p>}
          {data !== undefined && (
            <>
              <p>{words.text(bytes(data.missingBytes), bytes(data.bytes), count(data.files))}</p>
              <p className={css.dim}>{words.cached(bytes(data.cachedBytes))}</p>
              {data.partial && <p className={css.dim}>{words.partial}</p>}
              <p className={css.dim}>{words.cost}</p>
            </>
          )}
        </div>
        {error !== null && <ErrorNote error={error} doing={s.files.doing.warmUp(what)} />}
        <footer className={css.foot}>
          <Button variant="default" onClick={onClose}>
            {s.common.cancel}
          </Button>
          <Button
            data-autofocus
            disabled={data === undefined}
            loading={start.isPending}
            onClick={() => start.mutate()}
          >
            {words.start} {data !== undefined && bytes(data.missingBytes)}
          </Button>
        </footer>
      </div>
    </Modal>
  )
}
