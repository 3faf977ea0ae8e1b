/**
 * The daemon of an AppImage. What such an app brings is mounted while it runs and gone when it quits, but the daemon and its
 * volumes go on: they run from a copy in the user's data folder, one for each version.
 */
import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import { cp, mkdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { DaemonProgram } from './daemon-program.ts'

/** Where copies are kept. */
export function copiesFolder(env: Readonly<NodeJS.ProcessEnv>): string {
  return join(env.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'pomelo', 'app')
}

/**
 * The program from a copy in `folder`, made when this version has none. Copies of other versions go, but those that
 * something runs from. Errors: those of the file system.
 */
export async function copiedProgram(
  { node, script, root }: DaemonProgram,
  folder: string,
  version: string,
): Promise<DaemonProgram> {
  const target = join(folder, version)
  if (!existsSync(target)) {
    const partial = join(folder, `.${version}.${process.pid}`)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await rm(partial, { recursive: true, force: true })
    await cp(root, partial, { recursive: true })
    await rename(partial, target)
    await removeOthers(folder, version)
  }
  const inCopy = (path: string): string => join(target, path.slice(root.length + 1))
  return { node: inCopy(node), script: inCopy(script), root: target }
}

async function removeOthers(folder: string, version: string): Promise<void> {
  const running = runningPrograms()
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (name === version || running.some((program) => program.startsWith(`${path}/`))) continue
    await rm(path, { recursive: true, force: true })
  }
}

/** Of all processes we may look at. Source: proc_pid_exe(5). */
function runningPrograms(): string[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      return [readlinkSync(`/proc/${name}/exe`)]
    } catch {
      return [] // somebody else's, or gone
    }
  })
}
