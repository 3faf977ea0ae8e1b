/** For tests: a file system in memory, as simple as it can be, that says what each operation must answer. */
import { EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, EPERM, errnoName } from '#core/base/errno.ts'
import { RENAME_EXCHANGE, RENAME_NOREPLACE } from '../api.ts'

interface Inode {
  readonly id: number
  readonly isDir: boolean
  readonly entries: Map<string, Inode>
  parent: Inode | undefined
  nlink: number
  length: number
}

/** Paths are names joined by `/`, the root is ''. Every method returns `ok`, an errno name or what was asked. */
export class Model {
  #ids = 0
  readonly #root: Inode = this.#inode(true, undefined)

  #inode(isDir: boolean, parent: Inode | undefined): Inode {
    const id = ++this.#ids
    return { id, isDir, entries: new Map(), parent, nlink: isDir ? 2 : 1, length: 0 }
  }

  #find(path: string): Inode | undefined {
    let at: Inode | undefined = this.#root
    for (const name of path === '' ? [] : path.split('/')) at = at?.entries.get(name)
    return at
  }

  #place(path: string): [Inode | undefined, string] {
    const cut = path.lastIndexOf('/')
    return [this.#find(cut < 0 ? '' : path.slice(0, cut)), path.slice(cut + 1)]
  }

  make(path: string, isDir: boolean): string {
    const [dir, name] = this.#place(path)
    if (dir === undefined) return errnoName(ENOENT)
    if (!dir.isDir) return errnoName(ENOTDIR)
    if (dir.entries.has(name)) return errnoName(EEXIST)
    dir.entries.set(name, this.#inode(isDir, dir))
    if (isDir) dir.nlink++
    return 'ok'
  }

  link(path: string, to: string): string {
    const node = this.#find(path)
    const [dir, name] = this.#place(to)
    if (node === undefined || dir === undefined) return errnoName(ENOENT)
    if (!dir.isDir) return errnoName(ENOTDIR)
    if (dir.entries.has(name)) return errnoName(EEXIST)
    if (node.isDir) return errnoName(EPERM)
    dir.entries.set(name, node)
    node.nlink++
    return 'ok'
  }

  unlink(path: string): string {
    const [dir, name] = this.#place(path)
    if (dir === undefined) return errnoName(ENOENT)
    if (!dir.isDir) return errnoName(ENOTDIR)
    const node = dir.entries.get(name)
    if (node === undefined) return errnoName(ENOENT)
    if (node.isDir) return errnoName(EISDIR)
    dir.entries.delete(name)
    node.nlink--
    return 'ok'
  }

  rmdir(path: string): string {
    const [dir, name] = this.#place(path)
    if (dir === undefined) return errnoName(ENOENT)
    if (!dir.isDir) return errnoName(ENOTDIR)
    const node = dir.entries.get(name)
    if (node === undefined) return errnoName(ENOENT)
    if (!node.isDir) return errnoName(ENOTDIR)
    if (node.entries.size > 0) return errnoName(ENOTEMPTY)
    dir.entries.delete(name)
    dir.nlink--
    return 'ok'
  }

  rename(path: string, to: string, flags: number): string {
    const [dir, name] = this.#place(path)
    const [toDir, toName] = this.#place(to)
    if (dir === undefined) return errnoName(ENOENT)
    if (!dir.isDir) return errnoName(ENOTDIR)
    if (toDir === undefined) return errnoName(ENOENT)
    if (!toDir.isDir) return errnoName(ENOTDIR)
    const node = dir.entries.get(name)
    const target = toDir.entries.get(toName)
    if (node === undefined) return errnoName(ENOENT)
    if (target !== undefined && flags === RENAME_NOREPLACE) return errnoName(EEXIST)
    if (target === undefined && flags === RENAME_EXCHANGE) return errnoName(ENOENT)
    if (node === target) return 'ok'
    if (isAbove(node, toDir)) return errnoName(EINVAL)
    if (flags === RENAME_EXCHANGE) return this.#exchange(dir, name, node, toDir, toName, target!)
    if (target !== undefined) {
      if (node.isDir && !target.isDir) return errnoName(ENOTDIR)
      if (!node.isDir && target.isDir) return errnoName(EISDIR)
      if (target.entries.size > 0) return errnoName(ENOTEMPTY)
      if (target.isDir) toDir.nlink--
      else target.nlink--
    }
    dir.entries.delete(name)
    this.#put(dir, toDir, toName, node)
    return 'ok'
  }

  #exchange(dir: Inode, name: string, node: Inode, toDir: Inode, toName: string, target: Inode): string {
    if (isAbove(target, dir)) return errnoName(EINVAL)
    this.#put(dir, toDir, toName, node)
    this.#put(toDir, dir, name, target)
    return 'ok'
  }

  #put(from: Inode, to: Inode, name: string, node: Inode): void {
    to.entries.set(name, node)
    if (!node.isDir) return
    node.parent = to
    from.nlink--
    to.nlink++
  }

  truncate(path: string, length: number): string {
    const node = this.#find(path)
    if (node === undefined) return errnoName(ENOENT)
    if (node.isDir) return errnoName(EISDIR)
    node.length = length
    return 'ok'
  }

  removeTree(path: string): string {
    const [dir, name] = this.#place(path)
    const node = dir?.entries.get(name)
    if (dir === undefined || node === undefined) return errnoName(dir?.isDir === false ? ENOTDIR : ENOENT)
    for (const child of node.entries.keys()) this.removeTree(`${path}/${child}`)
    return node.isDir ? this.rmdir(path) : this.unlink(path)
  }

  clone(path: string, to: string): string {
    const node = this.#find(path)
    const [dir, name] = this.#place(to)
    if (node === undefined || dir === undefined) return errnoName(ENOENT)
    if (!dir.isDir) return errnoName(ENOTDIR)
    if (dir.entries.has(name)) return errnoName(EEXIST)
    if (node.isDir && isAbove(node, dir)) return errnoName(EINVAL)
    this.#copy(node, dir, name)
    return 'ok'
  }

  #copy(node: Inode, dir: Inode, name: string): void {
    const copy = this.#inode(node.isDir, dir)
    copy.length = node.length
    dir.entries.set(name, copy)
    if (node.isDir) dir.nlink++
    for (const [child, inode] of node.entries) this.#copy(inode, copy, child)
  }

  /** Paths of all entries. */
  paths(): { readonly dirs: readonly string[]; readonly files: readonly string[] } {
    const dirs: string[] = []
    const files: string[] = []
    for (const line of this.lines()) {
      const [path, type] = line.split(' ')
      ;(type === 'd' ? dirs : files).push(path!.slice(1))
    }
    return { dirs, files }
  }

  /** One line per entry: path, type, links, length, and which names are one file. */
  lines(): string[] {
    const out: string[] = []
    const numbers = new Map<number, number>()
    const walk = (dir: Inode, path: string): void => {
      for (const name of [...dir.entries.keys()].sort()) {
        const node = dir.entries.get(name)!
        const here = `${path}/${name}`
        if (!numbers.has(node.id)) numbers.set(node.id, numbers.size)
        out.push(`${here} ${node.isDir ? 'd' : 'f'} ${node.nlink} ${node.length} #${numbers.get(node.id)}`)
        walk(node, here)
      }
    }
    walk(this.#root, '')
    return out
  }
}

function isAbove(node: Inode, dir: Inode): boolean {
  for (let at: Inode | undefined = dir; at !== undefined; at = at.parent) if (at === node) return true
  return false
}
