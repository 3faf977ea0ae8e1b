/**
 * Run as a program: looks at a mount point for a process that must not do so itself, and prints what it found as
 * JSON. `mount-check.ts` starts it with a deadline; where nobody answers, this process hangs, not the caller.
 */
import { lstatSync, opendirSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

export interface Look {
  /** Without symbolic links; the last name may be unresolved when `code` is set. */
  readonly real: string
  /** Why it could not be looked at: ENOENT, ENOTCONN, EACCES, … */
  readonly code?: string
  readonly ino?: number
  readonly directory?: boolean
  /** A name in it, if there is one. */
  readonly entry?: string
}

function look(path: string): Look {
  let real = path
  try {
    real = realpathSync(path)
    const stat = statSync(real)
    if (!stat.isDirectory()) return { real, ino: stat.ino, directory: false }
    const dir = opendirSync(real)
    const entry = dir.readSync()?.name
    dir.closeSync()
    return { real, ino: stat.ino, directory: true, entry }
  } catch (error) {
    return {
      real: real === path ? realParent(path) : real,
      code: (error as NodeJS.ErrnoException).code ?? String(error),
    }
  }
}

/** The path with everything resolved but its last name. */
function realParent(path: string): string {
  try {
    lstatSync(dirname(path))
    return join(realpathSync(dirname(path)), basename(path))
  } catch {
    return path
  }
}

const path = process.argv[2]
if (import.meta.main && path !== undefined) process.stdout.write(JSON.stringify(look(path)))
