/** What can be done with chosen files; failures are shown, and the folder is read again. */
import { useMemo } from 'react'
import type { AclEntry, FileEntry } from '#core/api/files.ts'
import { useApi } from '../../api/api.ts'
import { useUi } from '../../components/ui-store.ts'
import { s } from '../../strings/strings.ts'
import { join } from './names.ts'
import type { Owners } from './owner-editor.tsx'
import { removeAll } from './remove-all.ts'
import type { Xattr } from './xattr-editor.tsx'

export interface FileActions {
  download(entries: readonly FileEntry[]): void
  drop(entries: readonly FileEntry[]): void
  mkdir(folder: string, name: string): Promise<void>
  rename(entry: FileEntry, name: string, folder: string): Promise<void>
  remove(entries: readonly FileEntry[]): Promise<void>
  chmod(entry: FileEntry, mode: number): Promise<void>
  chown(entry: FileEntry, owners: Owners): Promise<void>
  setXattr(entry: FileEntry, xattr: Xattr): Promise<void>
  removeXattr(entry: FileEntry, name: string): Promise<void>
  setAcl(entry: FileEntry, which: 'access' | 'default', entries: readonly AclEntry[] | null): Promise<void>
}

export function named(entries: readonly FileEntry[]): string {
  return entries.length === 1 ? entries[0]!.name : s.files.items(entries.length)
}

export function useFileActions(id: string, again: () => void): FileActions {
  const { trpc, address } = useApi()
  return useMemo(() => {
    const { fail, say } = useUi.getState()
    const { doing } = s.files
    async function downloadAll(entries: readonly FileEntry[]): Promise<void> {
      for (const { path, name } of entries) {
        try {
          const { url, name: as } = await trpc.files.download.mutate({ id, path })
          const link = document.createElement('a')
          link.href = address(url)
          link.download = as
          link.click()
        } catch (error) {
          fail(error, doing.download(name))
        }
      }
    }
    return {
      download: (entries) => void downloadAll(entries),
      drop(entries) {
        trpc.tasks.start
          .mutate({ kind: 'drop-cache', id, paths: entries.map(({ path }) => path) })
          .then(() => say(s.files.warm.started))
          .catch((error: unknown) => fail(error, doing.drop(named(entries))))
      },
      async mkdir(folder, name) {
        await trpc.files.mkdir.mutate({ id, path: join(folder, name) })
        again()
      },
      async rename({ path }, name, folder) {
        await trpc.files.rename.mutate({ id, from: path, to: join(folder, name) })
        again()
      },
      async remove(entries) {
        const { done, failures } = await removeAll(trpc, id, entries)
        if (failures.length === 0) say(s.files.removed(named(entries)))
        for (const { path, error, next } of failures.slice(0, 3))
          fail(
            { message: error, data: { kind: 'refused', next } },
            doing.remove(path),
            s.files.someFailed(done, entries.length),
          )
        again()
      },
      async chmod({ path }, mode) {
        await trpc.files.chmod.mutate({ id, path, mode })
        again()
      },
      async chown({ path }, owners) {
        await trpc.files.chown.mutate({ id, path, ...owners })
        again()
      },
      setXattr: ({ path }, xattr) => trpc.files.setXattr.mutate({ id, path, ...xattr }),
      removeXattr: ({ path }, name) => trpc.files.removeXattr.mutate({ id, path, name }),
      async setAcl({ path }, which, entries) {
        await trpc.files.setAcl.mutate({ id, path, which, entries: entries === null ? null : [...entries] })
        again()
      },
    }
  }, [trpc, address, id, again])
}
