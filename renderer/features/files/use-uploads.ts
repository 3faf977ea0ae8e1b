import { useMemo, useSyncExternalStore } from 'react'
import { useApi } from '../../api/api.ts'
import { useUi } from '../../components/ui-store.ts'
import { s } from '../../strings/strings.ts'
import { join } from './names.ts'
import { UploadQueue } from './upload-queue.ts'

export interface Uploads {
  readonly queue: UploadQueue
  add(files: readonly File[], overwrite?: boolean): void
}

/** Uploads into a folder, which is read again when they are done. They go on when the folder is left. */
export function useUploads(id: string, path: string, again: () => void): Uploads {
  const api = useApi()
  const queue = useMemo(
    () =>
      new UploadQueue(
        (file, overwrite, signal) => api.upload({ id, path: join(path, file.name), overwrite }, file, signal),
        (uploaded) => {
          if (uploaded > 0) useUi.getState().say(s.files.uploads.done(uploaded))
          again()
        },
      ),
    [api, id, path, again],
  )
  useSyncExternalStore(queue.subscribe, () => queue.version)
  return { queue, add: (files, overwrite) => queue.add(files, overwrite) }
}
