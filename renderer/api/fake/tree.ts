/** An invented tree of files: the same names and sizes every time, made as it is looked at, and changeable. */
import type { FileEntry, FileType } from '#core/api/files.ts'
import { chance } from './noise.ts'
import { refusal } from './world.ts'

const EPOCH_MS = Date.parse('2026-11-20T09:00:00Z')
const NAMES = ['interview', 'take', 'poster', 'notes', 'budget', 'render', 'model', 'export', 'scan', 'mix']
const ENDINGS = ['mov', 'jpg', 'pdf', 'md', 'xlsx', 'exr', 'blend', 'csv', 'tif', 'wav']
const HUGE = 100_000

export class Tree {
  readonly #folders = new Map<string, Map<string, FileEntry>>()

  folder(path: string): ReadonlyMap<string, FileEntry> {
    return this.#folder(path)
  }

  get(path: string): FileEntry {
    if (path === '/') return entry('/', 'directory', 4096)
    const { parent, name } = split(path)
    const found = this.#folder(parent).get(name)
    if (found === undefined) throw refusal('not-found', `There is no ${path}.`)
    return found
  }

  put(path: string, type: FileType, size: number): FileEntry {
    const made = { ...entry(path, type, size), mtimeMs: Date.now() }
    const { parent, name } = split(path)
    const entries = [...this.#folder(parent).set(name, made)]
    this.#folders.set(parent, new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1))))
    if (type === 'directory') this.#folders.set(path, new Map())
    return made
  }

  change(path: string, change: Partial<FileEntry>): FileEntry {
    const changed = { ...this.get(path), ...change }
    const { parent, name } = split(path)
    this.#folder(parent).set(name, changed)
    return changed
  }

  has(path: string): boolean {
    const { parent, name } = split(path)
    return this.#folder(parent).has(name)
  }

  remove(path: string): void {
    const { parent, name } = split(path)
    this.#folder(parent).delete(name)
  }

  #folder(path: string): Map<string, FileEntry> {
    let folder = this.#folders.get(path)
    if (folder === undefined) {
      folder = new Map(contents(path).map((each) => [each.name, each]))
      this.#folders.set(path, folder)
    }
    return folder
  }
}

export function split(path: string): { readonly parent: string; readonly name: string } {
  const at = path.lastIndexOf('/')
  return { parent: at <= 0 ? '/' : path.slice(0, at), name: path.slice(at + 1) }
}

function contents(path: string): readonly FileEntry[] {
  const within = (name: string) => (path === '/' ? `/${name}` : `${path}/${name}`)
  if (path === '/')
    return [
      ...['archive', 'frames (100,000 files)', 'photos', 'projects', 'shared'].map((name) =>
        entry(within(name), 'directory', 4096),
      ),
      entry(within('latest'), 'symlink', 13),
      entry(within('README.md'), 'file', 2310),
      entry(within('budget 2026.xlsx'), 'file', 184_220),
      entry(within('interview-raw.mov'), 'file', 3.2 * 2 ** 30),
      entry(within(`${'a very long name of a file '.repeat(10).slice(0, 250)}.pdf`), 'file', 90_112),
      entry(within('Größenübersicht – Entwurf (3).pdf'), 'file', 412_000),
    ]
  if (path.endsWith('files)'))
    return Array.from({ length: HUGE }, (_, at) => {
      const name = `frame_${String(at).padStart(6, '0')}.exr`
      return entry(within(name), 'file', 8_000_000 + Math.floor(chance(name, at) * 9_000_000))
    })
  const depth = path.split('/').length
  const folders =
    depth > 4 ? [] : ['2024', '2025', '2026'].map((name) => entry(within(name), 'directory', 4096))
  const count = 8 + Math.floor(chance(path, 1) * 60)
  const files = Array.from({ length: count }, (_, at) => {
    const kind = Math.floor(chance(path, at + 7) * NAMES.length)
    const name = `${NAMES[kind]}-${at + 1}.${ENDINGS[kind]}`
    return entry(within(name), 'file', Math.floor(10 ** (2 + 7 * chance(name + path, at))))
  })
  return [...folders, ...files].sort((a, b) => (a.name < b.name ? -1 : 1))
}

export function entry(path: string, type: FileType, size: number): FileEntry {
  const { name } = split(path)
  const ageMs = chance(path, 3) * 400 * 86_400_000
  return {
    name,
    path,
    ino: String(Math.floor(chance(path, 2) * 9e6)),
    type,
    size: Math.floor(size),
    mode: type === 'directory' ? 0o755 : type === 'symlink' ? 0o777 : 0o644,
    uid: 1000,
    gid: 1000,
    nlink: type === 'directory' ? 2 : 1,
    mtimeMs: EPOCH_MS - ageMs,
    ctimeMs: EPOCH_MS - ageMs,
    atimeMs: EPOCH_MS - ageMs / 2,
    ...(type === 'symlink' ? { target: 'projects/2026' } : {}),
  }
}
