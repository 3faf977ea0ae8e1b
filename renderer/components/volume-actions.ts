/** What can be done with a volume from anywhere; failures are shown where the user is. */
import { useMemo } from 'react'
import type { VolumeAction } from '#core/api/states.ts'
import type { Volume } from '#core/api/volumes.ts'
import { useApi } from '../api/api.ts'
import { s } from '../strings/strings.ts'
import { go } from './navigate.ts'
import { volumeHref } from './route.ts'
import { useUi } from './ui-store.ts'

export interface VolumeActions {
  mount(volume: Volume): void
  /** Opens the conversation and asks. */
  unmount(volume: Volume): void
  cancel(volume: Volume): void
  openFolder(volume: Volume): void
  /** The one action that the state offers. */
  offered(volume: Volume, action: VolumeAction): void
}

export function useVolumeActions(): VolumeActions {
  const { trpc } = useApi()
  return useMemo(() => {
    const { fail, openDialog } = useUi.getState()
    const { doing } = s.volumes
    const attempt = (work: Promise<unknown>, what: string) => {
      work.catch((error: unknown) => fail(error, what))
    }
    const mount = ({ id, name }: Volume) => attempt(trpc.volumes.mount.mutate({ id }), doing.mount(name))
    const unmount = ({ id, name }: Volume) => {
      openDialog('unmount', id)
      attempt(trpc.volumes.unmount.mutate({ id }), doing.unmount(name))
    }
    const cancel = ({ id, name }: Volume) => attempt(trpc.volumes.cancel.mutate({ id }), doing.cancel(name))
    const openFolder = ({ id, name }: Volume) =>
      attempt(trpc.volumes.openFolder.mutate({ id }), doing.open(name))
    const restart = ({ id, name }: Volume) =>
      attempt(trpc.volumes.restart.mutate({ id }), doing.restart(name))
    const table: Readonly<Record<VolumeAction, (volume: Volume) => void>> = {
      mount,
      cancel,
      'open-folder': openFolder,
      'show-uploads': ({ id }) => go(volumeHref(id, 'activity')),
      details: ({ id }) => openDialog('details', id),
      force: ({ id }) => openDialog('unmount', id),
      'edit-keys': ({ id }) => go(volumeHref(id, 'settings')),
      'edit-address': ({ id }) => go(volumeHref(id, 'settings')),
      restart,
    }
    return { mount, unmount, cancel, openFolder, offered: (volume, action) => table[action](volume) }
  }, [trpc])
}

/** Whether the volume is mounted or on its way to be: what the other button does then is unmount. */
export function isUp({ status: { state } }: Volume): boolean {
  return state !== 'unmounted' && state !== 'failed'
}
