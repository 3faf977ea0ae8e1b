import type { FileEntry } from '#core/api/files.ts'
import { WarmUpDialog } from '../../components/warm-up-dialog.tsx'
import { s } from '../../strings/strings.ts'
import { NameDialog } from './name-dialog.tsx'
import { stemLength } from './names.ts'
import { PropertiesDrawer } from './properties-drawer.tsx'
import { RemoveFilesDialog } from './remove-files-dialog.tsx'
import { type FileActions, named } from './use-file-actions.ts'

export type FileDialog =
  | { readonly kind: 'mkdir' }
  | { readonly kind: 'rename' | 'properties'; readonly entry: FileEntry }
  | { readonly kind: 'remove' | 'warm-up'; readonly entries: readonly FileEntry[] }

interface Props {
  readonly id: string
  readonly path: string
  readonly dialog: FileDialog
  readonly actions: FileActions
  readonly onClose: () => void
}

export function FileDialogs({ id, path, dialog, actions, onClose }: Props) {
  const words = s.files
  switch (dialog.kind) {
    case 'mkdir':
      return (
        <NameDialog
          title={words.mkdirTitle}
          button={words.mkdirButton}
          name=""
          selected={0}
          doing={words.doing.mkdir}
          onName={(name) => actions.mkdir(path, name)}
          onClose={onClose}
        />
      )
    case 'rename': {
      const { entry } = dialog
      return (
        <NameDialog
          title={words.renameTitle(entry.name)}
          button={words.rename}
          name={entry.name}
          selected={entry.type === 'directory' ? entry.name.length : stemLength(entry.name)}
          doing={words.doing.rename}
          onName={(name) => actions.rename(entry, name, path)}
          onClose={onClose}
        />
      )
    }
    case 'properties':
      return <PropertiesDrawer id={id} entry={dialog.entry} actions={actions} onClose={onClose} />
    case 'remove':
      return <RemoveFilesDialog id={id} entries={dialog.entries} actions={actions} onClose={onClose} />
    case 'warm-up':
      return (
        <WarmUpDialog
          id={id}
          paths={dialog.entries.map((entry) => entry.path)}
          what={named(dialog.entries)}
          onClose={onClose}
        />
      )
  }
}
