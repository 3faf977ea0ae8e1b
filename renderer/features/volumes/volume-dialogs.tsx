import { useVolume } from '../../api/live.ts'
import { useUi, type VolumeDialog } from '../../components/ui-store.ts'
import { DestroyDialog } from './destroy-dialog.tsx'
import { DetailsDialog } from './details-dialog.tsx'
import { ExportDialog } from './export-dialog.tsx'
import { RemoveDialog } from './remove-dialog.tsx'
import { UnmountDialog } from './unmount-dialog.tsx'

const DIALOGS = {
  unmount: UnmountDialog,
  remove: RemoveDialog,
  destroy: DestroyDialog,
  export: ExportDialog,
  details: DetailsDialog,
} as const satisfies Record<VolumeDialog, unknown>

/** The dialog that somebody opened about a volume. */
export default function VolumeDialogs() {
  const { dialog, closeDialog } = useUi()
  const volume = useVolume(dialog?.id ?? '')
  if (dialog === null || volume === undefined) return null
  const Dialog = DIALOGS[dialog.kind]
  return <Dialog volume={volume} onClose={closeDialog} />
}
