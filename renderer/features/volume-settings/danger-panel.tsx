import { Button } from '@mantine/core'
import { Panel } from '../../components/panel.tsx'
import { useUi, type VolumeDialog } from '../../components/ui-store.ts'
import { s } from '../../strings/strings.ts'
import css from './volume-settings.module.css'

/** Passing the volume on, forgetting it, deleting it. */
export function DangerPanel({ id }: { readonly id: string }) {
  const openDialog = useUi((ui) => ui.openDialog)
  const words = s.volumeSettings.danger
  const ways: readonly { readonly kind: VolumeDialog; readonly label: string; readonly text: string }[] = [
    { kind: 'export', label: s.volumes.exportProfile, text: words.exportText },
    { kind: 'remove', label: s.volumes.remove, text: words.removeText },
    { kind: 'destroy', label: s.volumes.destroy, text: words.destroyText },
  ]
  return (
    <Panel title={words.title}>
      <ul className={css.ways}>
        {ways.map(({ kind, label, text }) => (
          <li key={kind}>
            <p className={css.dim}>{text}</p>
            <Button
              variant={kind === 'destroy' ? 'outline' : 'default'}
              color={kind === 'destroy' ? 'red' : undefined}
              onClick={() => openDialog(kind, id)}
            >
              {label}
            </Button>
          </li>
        ))}
      </ul>
    </Panel>
  )
}
