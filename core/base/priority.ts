/** Who goes first. Linux gives each thread a priority of its own; a new one has that of the thread that starts it. */
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { setPriority } from 'node:os'

const LOWEST = 19

const idleThread = loadNative()

/**
 * All threads of a process compute only when nothing else wants their processor, or, where the add-on is not built, have
 * the lowest priority. The processor that one runs on counts as free: a program that wakes up need not wait for its turn
 * to end. A process that has ended, or is another user's, stays as it is.
 */
export function comeLast(pid: number): void {
  try {
    for (const thread of threadsOf(pid)) {
      setPriority(thread, LOWEST)
      idleThread?.(thread)
    }
  } catch {
    // it stays among equals
  }
}

/** All threads of this process have `niceness`, as far as rights allow. */
export function comeFirst(niceness: number): void {
  try {
    for (const thread of threadsOf(process.pid)) setPriority(thread, niceness)
  } catch {
    // an ordinary user's stays among equals
  }
}

function threadsOf(pid: number): readonly number[] {
  return process.platform === 'linux' ? readdirSync(`/proc/${pid}/task`).map(Number) : [pid]
}

function loadNative(): ((thread: number) => number) | undefined {
  try {
    const addon = createRequire(import.meta.url)('../../build/priority.node') as {
      idleThread(thread: number): number
    }
    return (thread) => addon.idleThread(thread)
  } catch {
    return undefined
  }
}
