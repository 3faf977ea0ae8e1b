import type { FileDetails, FileEntry, PathOutcome, TrashItem } from '#core/api/files.ts'
import type { FilesService } from '#core/api/services.ts'
import { chance } from './noise.ts'
import { split, Tree } from './tree.ts'
import { refusal, type World } from './world.ts'

export function fakeFiles(world: World, trees: Map<string, Tree>): FilesService {
  const treeOf = (id: string) => {
    const { volume } = world.find(id)
    if (volume.status.state === 'failed') throw refusal('denied', volume.status.line, volume.status.next)
    const tree = trees.get(id) ?? new Tree()
    trees.set(id, tree)
    return tree
  }
  const trash = new Map<string, TrashItem[]>()
  const trashOf = (id: string) => {
    const items = trash.get(id) ?? initialTrash()
    trash.set(id, items)
    return items
  }
  const xattrs = new Map<string, FileDetails['xattrs']>()
  const xattrsOf = (id: string, path: string, type: string) =>
    xattrs.get(`${id} ${path}`) ?? (type === 'file' ? INITIAL_XATTRS : [])
  const acls = new Map<string, FileDetails['acl']>()
  const listings = new Map<string, readonly FileEntry[]>()

  return {
    async list({ id, path, cursor, limit }) {
      await pause()
      const [key, from] =
        cursor === undefined
          ? [`${id} ${path}`, 0]
          : [cursor.slice(0, cursor.lastIndexOf('@')), Number(cursor.slice(cursor.lastIndexOf('@') + 1))]
      if (cursor === undefined) listings.set(key, [...treeOf(id).folder(path).values()])
      const all = listings.get(key)
      if (all === undefined) throw refusal('gone', 'The list is out of date.')
      const end = from + limit
      return {
        entries: all.slice(from, end),
        total: all.length,
        offset: from,
        nextCursor: end < all.length ? `${key}@${end}` : null,
      }
    },
    async stat({ id, path }) {
      const entry = treeOf(id).get(path)
      const share = chance(path, 5)
      return {
        ...entry,
        owner: 'ines',
        group: 'studio',
        modeText: '',
        xattrs: xattrsOf(id, path, entry.type),
        acl: acls.get(`${id} access ${path}`) ?? (share > 0.4 ? INITIAL_ACL : null),
        defaultAcl: acls.get(`${id} default ${path}`) ?? null,
        can: { change: !world.find(id).volume.readOnly, xattrs: true, acl: true },
        places:
          entry.type === 'file'
            ? {
                memory: entry.size * 0.1 * share,
                disk: entry.size * 0.6 * share,
                store: entry.size * (1 - 0.7 * share),
              }
            : null,
      }
    },
    async blocks({ id, path }) {
      const { size } = treeOf(id).get(path)
      const block = 4 * 2 ** 20
      return Array.from({ length: Math.min(256, Math.ceil(size / block)) }, (_, at) => ({
        chunk: Math.floor(at / 16),
        key: `chunks/0/12/12345_${at}_${Math.min(block, size - at * block)}`,
        size: Math.min(block, size - at * block),
        offset: 0,
        length: Math.min(block, size - at * block),
        position: at * block,
      }))
    },
    mkdir: async ({ id, path, parents }) => {
      const tree = treeOf(id)
      if (parents && tree.has(path)) return tree.get(path)
      if (tree.has(path))
        throw refusal('conflict', `${split(path).name} exists already.`, 'Choose another name.')
      return tree.put(path, 'directory', 4096)
    },
    async rename({ id, from, to, overwrite }) {
      const tree = treeOf(id)
      if (!overwrite && tree.has(to))
        throw refusal('conflict', `${split(to).name} exists already.`, 'Choose another name.')
      const { type, size, mtimeMs } = tree.get(from)
      tree.put(to, type, size)
      tree.remove(from)
      return tree.change(to, { mtimeMs })
    },
    async remove({ id, paths }) {
      const tree = treeOf(id)
      return paths.map((path): PathOutcome => {
        const { type, size, name } = tree.get(path)
        if (name === 'budget 2026.xlsx')
          return { path, error: 'EACCES: not yours to delete.', next: 'Ask its owner.' }
        tree.remove(path)
        trashOf(id).unshift({ key: `2026-11-26-04/${name}`, name, from: path, type, size })
        return { path }
      })
    },
    chmod: async ({ id, path, mode }) => treeOf(id).change(path, { mode }),
    chown: async ({ id, path, owner, group }) =>
      treeOf(id).change(path, {
        ...(owner !== undefined && { uid: Number(owner) || 1000 }),
        ...(group !== undefined && { gid: Number(group) || 1000 }),
      }),
    async setXattr({ id, path, name, value, encoding }) {
      const kept = xattrsOf(id, path, treeOf(id).get(path).type).filter((each) => each.name !== name)
      xattrs.set(`${id} ${path}`, [...kept, { name, value, encoding }])
    },
    async removeXattr({ id, path, name }) {
      const kept = xattrsOf(id, path, treeOf(id).get(path).type).filter((each) => each.name !== name)
      xattrs.set(`${id} ${path}`, kept)
    },
    async setAcl({ id, path, which, entries }) {
      acls.set(`${id} ${which} ${path}`, entries)
      return treeOf(id).get(path)
    },
    download: async ({ id, path }) => {
      const { name, type, size } = treeOf(id).get(path)
      return {
        url: '#',
        name: type === 'directory' ? `${name}.tar` : name,
        size: type === 'directory' ? null : size,
      }
    },
    async trashHours(id) {
      const hours = new Map<string, number>()
      for (const { key } of trashOf(id)) {
        const hour = key.slice(0, 13)
        hours.set(hour, (hours.get(hour) ?? 0) + 1)
      }
      return [...hours].map(([hour, entries]) => ({ hour, entries }))
    },
    async trashList({ id, hour, limit }) {
      const items = trashOf(id).filter(({ key }) => key.startsWith(hour))
      return { items: items.slice(0, limit), total: items.length, nextCursor: null }
    },
    async restore({ id, keys }) {
      const tree = treeOf(id)
      const items = trashOf(id)
      return keys.map((key): PathOutcome => {
        const at = items.findIndex((item) => item.key === key)
        const item = items[at]
        if (item === undefined) return { path: key, error: 'It is not in the trash any more.' }
        if (item.from === null)
          return {
            path: item.name,
            error: 'Its folder is gone.',
            next: 'Make the folder, then restore again.',
          }
        items.splice(at, 1)
        tree.put(item.from, item.type, item.size)
        return { path: item.from }
      })
    },
    pins: async (id) => world.pins.get(id) ?? [],
    async unpin({ id, inos }) {
      world.pins.set(
        id,
        (world.pins.get(id) ?? []).filter(({ ino }) => !inos.includes(ino)),
      )
    },
    async cacheEstimate({ id, paths }) {
      await pause()
      const sizes = paths.map((path) => {
        const { type, size } = treeOf(id).get(path)
        return type === 'directory' ? 24 * 2 ** 30 * chance(path, 9) : size
      })
      const bytes = sizes.reduce((sum, size) => sum + size, 0)
      const share = chance(paths[0] ?? '', 11) ** 2
      return {
        files: paths.length * 310,
        bytes,
        cachedBytes: bytes * share,
        missingBytes: bytes * (1 - share),
        partial: bytes > 20 * 2 ** 30,
      }
    },
  }
}

const INITIAL_XATTRS: FileDetails['xattrs'] = [
  { name: 'user.mime_type', value: 'video/quicktime', encoding: 'text' },
  { name: 'user.checksum', value: '9f86d081884c7d659a2feaa0c55ad015', encoding: 'hex' },
]

const INITIAL_ACL: FileDetails['acl'] = [
  { tag: 'user', id: null, perms: 'rw-' },
  { tag: 'user', id: 1004, perms: 'rw-' },
  { tag: 'group', id: null, perms: 'r--' },
  { tag: 'mask', id: null, perms: 'rw-' },
  { tag: 'other', id: null, perms: 'r--' },
]

function initialTrash(): TrashItem[] {
  const names = ['poster-old.psd', 'takes', 'mix-final.wav', 'mix-final2.wav', 'IMG_2041.jpg', 'export.csv']
  return names.map((name, at) => ({
    key: `2026-11-2${5 - (at % 2)}-1${at % 2}/${name}`,
    name,
    from: at === 4 ? null : `/projects/${name}`,
    type: name.includes('.') ? 'file' : 'directory',
    size: Math.floor(10 ** (3 + at)),
  }))
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 30))
}
