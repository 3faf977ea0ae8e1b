import { ActionIcon, Menu } from '@mantine/core'
import { IconDots } from '@tabler/icons-react'
import { useState } from 'react'
import type { Volume } from '#core/api/volumes.ts'
import { s } from '../strings/strings.ts'
import { go } from './navigate.ts'
import { volumeHref } from './route.ts'
import { useUi } from './ui-store.ts'
import { isUp, useVolumeActions } from './volume-actions.ts'
import css from './volume-menu.module.css'

interface Props {
  readonly volume: Volume
  readonly tabIndex?: number
}

/** What is not needed every day. Only a button until it is first pressed: lists have many. */
export function VolumeMenu(props: Props) {
  const [used, setUsed] = useState(false)
  if (used) return <OpenedMenu {...props} />
  return (
    <button
      type="button"
      className={css.dots}
      aria-label={s.volumes.menu(props.volume.name)}
      aria-haspopup="menu"
      aria-expanded={false}
      tabIndex={props.tabIndex}
      onClick={() => setUsed(true)}
    >
      <IconDots size={16} />
    </button>
  )
}

function OpenedMenu({ volume, tabIndex }: Props) {
  const { id, name, origin } = volume
  const actions = useVolumeActions()
  const openDialog = useUi((ui) => ui.openDialog)
  const words = s.volumes
  return (
    <Menu position="bottom-end" width={208} defaultOpened>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size={28} aria-label={words.menu(name)} tabIndex={tabIndex}>
          <IconDots size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {isUp(volume) ? (
          <>
            <Menu.Item onClick={() => actions.openFolder(volume)}>{s.actions['open-folder']}</Menu.Item>
            <Menu.Item onClick={() => actions.unmount(volume)}>{words.unmountAction}</Menu.Item>
          </>
        ) : (
          <Menu.Item onClick={() => actions.mount(volume)}>{s.actions.mount}</Menu.Item>
        )}
        <Menu.Item onClick={() => go(volumeHref(id, 'settings'))}>{words.openSettings}</Menu.Item>
        {origin === 'profile' && (
          <>
            <Menu.Item onClick={() => openDialog('export', id)}>{words.exportProfile}</Menu.Item>
            <Menu.Divider />
            <Menu.Item onClick={() => openDialog('remove', id)}>{words.remove}</Menu.Item>
            <Menu.Item color="red" onClick={() => openDialog('destroy', id)}>
              {words.destroy}
            </Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  )
}
