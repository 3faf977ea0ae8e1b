import { ActionIcon, Button, Menu } from '@mantine/core'
import {
  IconArrowUp,
  IconDots,
  IconDownload,
  IconFolderPlus,
  IconInfoCircle,
  IconRefresh,
  IconTrash,
} from '@tabler/icons-react'
import type { FileEntry } from '#core/api/files.ts'
import type { PinActions } from '../../api/pins.ts'
import { IconAction } from '../../components/icon-action.tsx'
import { go } from '../../components/navigate.ts'
import { volumeHref } from '../../components/route.ts'
import { s } from '../../strings/strings.ts'
import css from './browser.module.css'
import type { UploadItem } from './dropped.ts'
import type { FileDialog } from './file-dialogs.tsx'
import { ancestors, parentOf } from './names.ts'
import { UploadMenu } from './upload-menu.tsx'
import { type FileActions, named } from './use-file-actions.ts'

interface Props {
  readonly id: string
  readonly path: string
  readonly chosen: readonly FileEntry[]
  readonly actions: FileActions
  readonly pinned: ReadonlySet<string>
  readonly pinActions: PinActions
  readonly onDialog: (dialog: FileDialog) => void
  readonly onUpload: (items: readonly UploadItem[]) => void
  readonly onTrash: () => void
  readonly onRefresh: () => void
}

export function Toolbar(props: Props) {
  const { id, path, chosen, actions, pinned, pinActions, onDialog, onUpload, onTrash, onRefresh } = props
  const words = s.files
  const [only] = chosen.length === 1 ? chosen : []
  const none = chosen.length === 0
  const allPinned = chosen.every(({ ino }) => pinned.has(ino))
  return (
    <div className={css.toolbar}>
      <IconAction
        icon={IconArrowUp}
        label={words.up}
        shortcut="alt+arrowleft"
        disabled={path === '/'}
        onClick={() => go(volumeHref(id, 'files', parentOf(path)))}
      />
      <nav className={css.crumbs} aria-label={words.path}>
        <ol className={css.crumbs}>
          {[{ name: words.root, path: '/' }, ...ancestors(path)].map((each) => (
            <li key={each.path}>
              <a
                href={volumeHref(id, 'files', each.path)}
                aria-current={each.path === path ? 'page' : undefined}
                title={each.name}
              >
                {each.name}
              </a>
            </li>
          ))}
        </ol>
      </nav>
      <IconAction
        icon={IconDownload}
        label={words.download}
        disabled={none}
        onClick={() => actions.download(chosen)}
      />
      <IconAction
        icon={IconInfoCircle}
        label={words.properties}
        shortcut="alt+enter"
        disabled={only === undefined}
        onClick={() => only !== undefined && onDialog({ kind: 'properties', entry: only })}
      />
      <Menu position="bottom-end" width={200}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size={28} aria-label={words.more} disabled={none}>
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item
            disabled={only === undefined}
            onClick={() => only !== undefined && onDialog({ kind: 'rename', entry: only })}
          >
            {words.rename}
          </Menu.Item>
          <Menu.Item onClick={() => onDialog({ kind: 'warm-up', entries: chosen })}>{words.warmUp}</Menu.Item>
          <Menu.Item onClick={() => actions.drop(chosen)}>{words.drop}</Menu.Item>
          {allPinned ? (
            <Menu.Item
              onClick={() =>
                pinActions.unpin(
                  chosen.map(({ ino }) => ino),
                  named(chosen),
                )
              }
            >
              {s.cache.pins.unpin}
            </Menu.Item>
          ) : (
            <Menu.Item
              onClick={() =>
                pinActions.pin(
                  chosen.map((entry) => entry.path),
                  named(chosen),
                )
              }
            >
              {s.cache.pins.pin}
            </Menu.Item>
          )}
          <Menu.Divider />
          <Menu.Item color="red" onClick={() => onDialog({ kind: 'remove', entries: chosen })}>
            {words.remove}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <span className={css.bar} />
      <IconAction icon={IconRefresh} label={words.refresh} onClick={onRefresh} />
      <IconAction icon={IconFolderPlus} label={words.newFolder} onClick={() => onDialog({ kind: 'mkdir' })} />
      <Button
        variant="default"
        size="compact-sm"
        leftSection={<IconTrash size={14} stroke={1.75} />}
        onClick={onTrash}
      >
        {words.trash}
      </Button>
      <UploadMenu onUpload={onUpload} />
    </div>
  )
}
