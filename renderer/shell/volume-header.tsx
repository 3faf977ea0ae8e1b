import { Button } from '@mantine/core'
import { IconFolderOpen, IconPlayerEject } from '@tabler/icons-react'
import type { VolumeAction } from '#core/api/states.ts'
import type { Volume } from '#core/api/volumes.ts'
import { CopyText } from '../components/copy-text.tsx'
import { StateMark } from '../components/state-mark.tsx'
import { isUp, useVolumeActions } from '../components/volume-actions.ts'
import { VolumeMenu } from '../components/volume-menu.tsx'
import { s } from '../strings/strings.ts'
import css from './volume-header.module.css'

/** Actions that have a button of their own here anyway. */
const OWN: readonly (VolumeAction | null)[] = ['mount', 'open-folder', null]

export function VolumeHeader({ volume }: { readonly volume: Volume }) {
  const { name, status, mountPoint } = volume
  const { state, line, action } = status
  const actions = useVolumeActions()
  return (
    <header className={css.header}>
      <div className={css.words}>
        <h1 className={css.name} title={name}>
          {name}
        </h1>
        <div className={css.state} aria-live="polite">
          <StateMark state={state} size={12} />
          <strong>{s.states[state]}</strong>
          <span className={css.line} title={line}>
            {line}
          </span>
        </div>
      </div>
      <div className={css.buttons}>
        {!OWN.includes(action) && action !== null && (
          <Button variant="default" onClick={() => actions.offered(volume, action)}>
            {s.actions[action]}
          </Button>
        )}
        {isUp(volume) ? (
          <>
            <Button
              leftSection={<IconFolderOpen size={16} stroke={1.75} />}
              onClick={() => actions.openFolder(volume)}
              disabled={state === 'mounting'}
              title={mountPoint}
            >
              {s.actions['open-folder']}
            </Button>
            {state !== 'unmounting' && (
              <Button
                variant="default"
                leftSection={<IconPlayerEject size={16} stroke={1.75} />}
                onClick={() => actions.unmount(volume)}
              >
                {s.volumes.unmountAction}
              </Button>
            )}
          </>
        ) : (
          <Button onClick={() => actions.mount(volume)}>{s.actions.mount}</Button>
        )}
        <VolumeMenu volume={volume} />
      </div>
      <CopyText className={css.place} text={mountPoint} />
    </header>
  )
}
