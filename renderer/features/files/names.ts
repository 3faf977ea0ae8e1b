/** Paths in a volume, and names that a file can have. */
import { s } from '../../strings/strings.ts'

const LONGEST_BYTES = 255

export function join(folder: string, name: string): string {
  return folder === '/' ? `/${name}` : `${folder}/${name}`
}

export function parentOf(path: string): string {
  const at = path.lastIndexOf('/')
  return at <= 0 ? '/' : path.slice(0, at)
}

/** Every folder on the way, the top first. */
export function ancestors(path: string): readonly { readonly name: string; readonly path: string }[] {
  const parts = path.split('/').filter((part) => part !== '')
  return parts.map((name, at) => ({ name, path: `/${parts.slice(0, at + 1).join('/')}` }))
}

/** What is wrong with a name, or undefined. Source: NAME_MAX, path_resolution(7). */
export function problemOfName(name: string): string | undefined {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0'))
    return s.files.badName
  return new TextEncoder().encode(name).length > LONGEST_BYTES ? s.files.longName : undefined
}

/** How much of a name is chosen when it is changed: all but its ending. */
export function stemLength(name: string): number {
  const dot = name.lastIndexOf('.')
  return dot > 0 ? dot : name.length
}
