/**
 * Who goes first. Linux gives each thread a priority of its own, and a new one has that of the thread that starts it. Where
 * sessions are scheduled as groups (sched(7), autogroup: desktops, mostly) a priority counts within the session alone, and
 * the session has one, too.
 */
import { readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { setPriority } from 'node:os'

const LOWEST = 19

const lowerThread = loadNative()

/**
 * All threads of a process come last in their session: they have the lowest priority and short turns, and their disk
 * requests wait for those of others. (Not SCHED_IDLE, which is preempted at once only within its session, while its
 * processor counts as free for everybody's threads: docs/decisions/inspect-index.md.) A process that has ended, or is
 * another user's, stays as it is.
 */
export function comeLast(pid: number): void {
  const lowered = new Set<number>()
  try {
    // One may have been started meanwhile by one that had not been lowered.
    for (let before = -1; lowered.size > before; ) {
      before = lowered.size
      for (const thread of threadsOf(pid)) {
        if (!lowered.has(thread)) lower(thread)
        lowered.add(thread)
      }
    }
  } catch {
    // it has ended
  }
}

function lower(thread: number): void {
  try {
    setPriority(thread, LOWEST)
    lowerThread?.(thread)
  } catch {
    // it has ended, or is another user's and stays among equals
  }
}

/** The session of a process comes last, or is among equals again. False: not now, or sessions are no groups. */
export function sessionLast(pid: number, isLast: boolean): boolean {
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(isLast ? LOWEST : 0))
    return true
  } catch {
    return false
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
      lowerThread(thread: number): number
    }
    return (thread) => addon.lowerThread(thread)
  } catch {
    return undefined
  }
}
