import { useMemo, useSyncExternalStore } from 'react'
import { useApi } from '../../api/api.ts'
import { useUi } from '../../components/ui-store.ts'
import { count } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import { MOST_FILES, type UploadItem } from './dropped.ts'
import { join } from './names.ts'
import { UploadQueue } from './upload-queue.ts'

export interface Uploads {
  readonly queue: UploadQueue
  add(items: readonly UploadItem[], overwrite?: boolean): void
}

/** Uploads into a folder, which is read again when they are done. They go on when the folder is left. */
export function useUploads(id: string, path: string, again: () => void): Uploads {
  const api = useApi()
  const queue = useMemo(
    () =>
      new UploadQueue(
        ({ file, name }, overwrite, signal) =>
          api.upload({ id, path: join(path, name), overwrite, parents: name.includes('/') }, file, signal),
        (uploaded) => {
          if (uploaded > 0) useUi.getState().say(s.files.uploads.done(uploaded))
          again()
        },
      ),
    [api, id, path, again],
  )
  useSyncExternalStore(queue.subscribe, () => queue.version)
  return {
    queue,
    add(items, overwrite) {
      if (items.length <= MOST_FILES) queue.add(items, overwrite)
      else useUi.getState().fail(tooMany, s.files.uploads.title)
    },
  }
}

const tooMany = {
  message: s.files.uploads.tooMany(count(MOST_FILES)),
  data: { kind: 'refused', next: s.files.uploads.tooManyNext },
}
