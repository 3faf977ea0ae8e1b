/**
 * Who keeps a mount busy. Only names in /proc are read, never the mount itself, so this answers for a hung
 * mount too. Sees the processes this user may look into.
 */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { isInside } from './mount-table.ts'

export interface Holder {
  readonly pid: number
  readonly command: string
  /** `working directory`, `root`, `program`, `mapped` or `open`, with the path. */
  readonly uses: readonly { readonly how: string; readonly path: string }[]
}

const USES_SHOWN = 20

/** Processes with anything below `mountPoint` in use, but for `except`. */
export async function findHolders(
  mountPoint: string,
  except: readonly number[] = [],
): Promise<readonly Holder[]> {
  const holders: Holder[] = []
  for (const name of await readdir('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid) || except.includes(pid)) continue
    const uses = await usesOf(pid, mountPoint)
    if (uses.length > 0) holders.push({ pid, command: await commandOf(pid), uses })
  }
  return holders
}

async function usesOf(pid: number, mountPoint: string): Promise<Holder['uses']> {
  const uses: { how: string; path: string }[] = []
  const add = (how: string, path: string | undefined) => {
    if (path === undefined || uses.length >= USES_SHOWN) return
    if (!isInside(path.replace(/ \(deleted\)$/, ''), mountPoint)) return
    if (!uses.some((use) => use.path === path)) uses.push({ how, path })
  }
  const link = (name: string) => readlink(`/proc/${pid}/${name}`).catch(() => undefined)
  add('working directory', await link('cwd'))
  add('root', await link('root'))
  add('program', await link('exe'))
  for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) add('open', await link(`fd/${fd}`))
  const maps = await readFile(`/proc/${pid}/maps`, 'utf8').catch(() => '')
  for (const line of maps.split('\n')) {
    const at = line.indexOf(' /')
    if (at > 0) add('mapped', line.slice(at + 1))
  }
  return uses
}

async function commandOf(pid: number): Promise<string> {
  const line = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '?')
  return line.trim()
}

/** `vim (4711): open /mnt/a, working directory /mnt`. */
export function describeHolder({ pid, command, uses }: Holder): string {
  const shown = uses.slice(0, 3).map(({ how, path }) => `${how} ${path}`)
  const more = uses.length > 3 ? `, ${uses.length - 3} more` : ''
  return `${command} (${pid}): ${shown.join(', ')}${more}`
}
