import { Button, Loader, Modal } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import type { HolderInfo } from '#core/api/states.ts'
import type { UnmountHow, Volume } from '#core/api/volumes.ts'
import { useApi } from '../../api/api.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { useUi } from '../../components/ui-store.ts'
import { bytes } from '../../format/bytes.ts'
import { s } from '../../strings/strings.ts'
import css from './unmount-dialog.module.css'

interface Props {
  readonly volume: Volume
  readonly onClose: () => void
}

const MOST_USES = 3

/** Unmounting is a conversation: what it waits for is named, and each harder way says what it costs. */
export function UnmountDialog({ volume, onClose }: Props) {
  const { id, name, status, pending } = volume
  const { trpc } = useApi()
  const words = s.unmount
  const force = useMutation({ mutationFn: (how: UnmountHow) => trpc.volumes.unmount.mutate({ id, how }) })
  const keep = useMutation({ mutationFn: () => trpc.volumes.cancel.mutate({ id }), onSuccess: onClose })
  useCloseWhenDone(volume, onClose)

  const step = status.unmount?.step ?? 'flushing'
  const holders = status.unmount?.holders ?? []
  const left = status.unmount?.pendingBytes ?? pending.bytes
  return (
    <Modal opened onClose={onClose} title={words.title(name)} size={560}>
      <div className={css.body}>
        <p className={css.step} role="status">
          <Loader size={14} />
          <span>{words.steps[step]}</span>
          {left > 0 && <span className={css.left}>{words.left(bytes(left))}</span>}
        </p>
        {holders.length > 0 && <Holders holders={holders} />}
        {force.isError && <ErrorNote error={force.error} doing={words.title(name)} />}
        <ul className={css.ways}>
          {step === 'uploading' && (
            <Way label={words.skip} hint={words.skipHint} onClick={() => force.mutate('skip-uploads')} />
          )}
          {(step === 'busy' || step === 'flushing') && (
            <Way label={words.force} hint={words.forceHint} danger onClick={() => force.mutate('force')} />
          )}
          {step === 'forcing' && (
            <Way label={words.abort} hint={words.abortHint} danger onClick={() => force.mutate('abort')} />
          )}
        </ul>
        <footer className={css.foot}>
          <Button variant="default" onClick={() => keep.mutate()} loading={keep.isPending}>
            {words.keep}
          </Button>
          <Button data-autofocus onClick={onClose}>
            {words.hide}
          </Button>
        </footer>
      </div>
    </Modal>
  )
}

/** The dialog opens a moment before the volume says that it is unmounting. */
function useCloseWhenDone({ name, status: { state } }: Volume, onClose: () => void): void {
  const began = useRef(false)
  useEffect(() => {
    if (state === 'unmounting') began.current = true
    else if (began.current) {
      onClose()
      if (state === 'unmounted') useUi.getState().say(s.unmount.done(name))
    }
  }, [state, name, onClose])
}

function Holders({ holders }: { readonly holders: readonly HolderInfo[] }) {
  const words = s.unmount
  return (
    <section className={css.holders} aria-live="polite">
      <h3>{words.holders(holders.length)}</h3>
      <table>
        <thead>
          <tr>
            <th scope="col">{words.process}</th>
            <th scope="col">{words.uses}</th>
          </tr>
        </thead>
        <tbody>
          {holders.map(({ pid, command, uses }) => (
            <tr key={pid}>
              <td>
                <strong>{command}</strong>
                <span className={css.pid}>{words.pid(pid)}</span>
              </td>
              <td>
                {uses.slice(0, MOST_USES).map(({ how, path }) => (
                  <code key={how + path} title={how}>
                    {path}
                  </code>
                ))}
                {uses.length > MOST_USES && (
                  <span className={css.pid}>{words.more(uses.length - MOST_USES)}</span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className={css.hint}>{words.holdersHint}</p>
    </section>
  )
}

interface WayProps {
  readonly label: string
  readonly hint: string
  readonly danger?: boolean
  readonly onClick: () => void
}

function Way({ label, hint, danger = false, onClick }: WayProps) {
  return (
    <li>
      <p>{hint}</p>
      <Button variant={danger ? 'outline' : 'default'} color={danger ? 'red' : undefined} onClick={onClick}>
        {label}
      </Button>
    </li>
  )
}
