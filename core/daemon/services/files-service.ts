/** The files of a volume: asked of the process that serves it, never through its mount. */
import { basename } from 'node:path/posix'
import type {
  CacheEstimate,
  DirectoryPage,
  Download,
  FileBlock,
  FileDetails,
  FileEntry,
  PathOutcome,
  Pin,
  TrashHour,
  TrashPage,
} from '#core/api/files.ts'
import { ApiRefusal } from '#core/api/server-errors.ts'
import type { Caller, FilesService } from '#core/api/services.ts'
import { Refusal } from '#core/base/refusal.ts'
import type { Daemon } from '../daemon.ts'
import { fileContent, folderContent } from '../downloads.ts'
import { ownerIds, ownerNames } from '../owner-names.ts'

type Inputs<K extends keyof FilesService> = Parameters<FilesService[K]>[0]

export class Files implements FilesService {
  readonly #daemon: Daemon

  constructor(daemon: Daemon) {
    this.#daemon = daemon
  }

  async list({ id, ...args }: Inputs<'list'>, caller: Caller): Promise<DirectoryPage> {
    try {
      return await this.#call<DirectoryPage>(id, 'list', args, caller)
    } catch (error) {
      if (error instanceof Refusal && args.cursor !== undefined)
        throw new ApiRefusal('gone', error.message, error.next, { cause: error })
      throw error
    }
  }

  async stat({ id, path }: Inputs<'stat'>, caller: Caller): Promise<FileDetails> {
    const found = await this.#call<Omit<FileDetails, 'owner' | 'group' | 'modeText'>>(
      id,
      'stat',
      { path },
      caller,
    )
    const { owner, group } = await ownerNames(found.uid, found.gid)
    return { ...found, owner, group, modeText: modeText(found.mode) }
  }

  blocks({ id, path }: Inputs<'blocks'>, caller: Caller): Promise<readonly FileBlock[]> {
    return this.#call(id, 'blocks', { path }, caller)
  }

  mkdir({ id, ...args }: Inputs<'mkdir'>, caller: Caller): Promise<FileEntry> {
    return this.#call(id, 'mkdir', args, caller)
  }

  rename({ id, ...args }: Inputs<'rename'>, caller: Caller): Promise<FileEntry> {
    return this.#call(id, 'rename', args, caller)
  }

  remove({ id, ...args }: Inputs<'remove'>, caller: Caller): Promise<readonly PathOutcome[]> {
    return this.#call(id, 'remove', args, caller)
  }

  chmod({ id, ...args }: Inputs<'chmod'>, caller: Caller): Promise<FileEntry> {
    return this.#call(id, 'chmod', args, caller)
  }

  async chown({ id, path, owner, group }: Inputs<'chown'>, caller: Caller): Promise<FileEntry> {
    return this.#call(id, 'chown', { path, ...(await ownerIds({ owner, group })) }, caller)
  }

  setXattr({ id, ...args }: Inputs<'setXattr'>, caller: Caller): Promise<void> {
    return this.#call(id, 'setXattr', args, caller)
  }

  removeXattr({ id, ...args }: Inputs<'removeXattr'>, caller: Caller): Promise<void> {
    return this.#call(id, 'removeXattr', args, caller)
  }

  setAcl({ id, ...args }: Inputs<'setAcl'>, caller: Caller): Promise<FileEntry> {
    return this.#call(id, 'setAcl', args, caller)
  }

  async download({ id, path }: Inputs<'download'>, caller: Caller): Promise<Download> {
    const found = await this.#call<FileEntry>(id, 'stat', { path }, caller)
    const { operators, services, supervisor } = this.#daemon
    const operator = operators.of(id)
    const root = path === '/' ? supervisor.get(id).host.name() : found.name
    const plain =
      found.type === 'directory'
        ? folderContent(operator, path, root)
        : fileContent(operator, path, basename(found.name), found.size)
    const transfer = { kind: 'download', id, title: `Download ${plain.name}`, total: plain.size } as const
    const content = {
      ...plain,
      open: (signal: AbortSignal) => services.tasks.outgoing({ ...transfer, signal }, plain.open),
    }
    return { url: this.#daemon.tickets.add(content), name: content.name, size: content.size }
  }

  trashHours(id: string, caller: Caller): Promise<readonly TrashHour[]> {
    return this.#call(id, 'trashHours', {}, caller)
  }

  trashList({ id, ...args }: Inputs<'trashList'>, caller: Caller): Promise<TrashPage> {
    return this.#call(id, 'trashList', args, caller)
  }

  restore({ id, keys }: Inputs<'restore'>, caller: Caller): Promise<readonly PathOutcome[]> {
    return this.#call(id, 'restoreItems', { keys }, caller)
  }

  cacheEstimate({ id, paths }: Inputs<'cacheEstimate'>, caller: Caller): Promise<CacheEstimate> {
    return this.#call(id, 'estimate', { paths }, caller)
  }

  pins(id: string, caller: Caller): Promise<readonly Pin[]> {
    return this.#call(id, 'pins', {}, caller)
  }

  unpin({ id, inos }: Inputs<'unpin'>, caller: Caller): Promise<void> {
    return this.#call(id, 'unpin', { inos }, caller)
  }

  #call<T>(id: string, op: string, args: Readonly<Record<string, unknown>>, { signal }: Caller): Promise<T> {
    return this.#daemon.operators.of(id).call(op, args, { signal }) as Promise<T>
  }
}

function modeText(mode: number): string {
  const bits = ['r', 'w', 'x']
  const letters = [8, 7, 6, 5, 4, 3, 2, 1, 0].map((bit) => ((mode >> bit) & 1 ? bits[(8 - bit) % 3]! : '-'))
  const special = [
    [0o4000, 2, 's', 'S'],
    [0o2000, 5, 's', 'S'],
    [0o1000, 8, 't', 'T'],
  ] as const
  for (const [bit, at, on, off] of special) if (mode & bit) letters[at] = letters[at] === 'x' ? on : off
  return letters.join('')
}
