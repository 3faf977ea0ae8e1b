/** A task's progress in words, and how long it may still take. */
import type { Task } from '#core/api/tasks.ts'
import { bytes } from '../../format/bytes.ts'
import { count } from '../../format/number.ts'
import { duration } from '../../format/time.ts'
import { s } from '../../strings/strings.ts'

/** Before this nothing sensible can be said of the rest. */
const LEAST_MS = 4000

/** 0 to 1; undefined when it cannot be told. */
export function shareOf({ progress: { done, total } }: Task): number | undefined {
  return total === null || total <= 0 ? undefined : Math.min(1, done / total)
}

/** `210 MiB of 640 MiB`, `4,210 files`. */
export function amountOf({ progress: { done, total, unit } }: Task): string {
  const words = s.activity.tasks
  const amount = (value: number) => (unit === 'bytes' ? bytes(value) : count(value))
  const text = total === null ? amount(done) : words.of(amount(done), amount(total))
  return unit === 'bytes' ? text : `${text} ${words.units[unit]}`
}

/** How long it may still take at the rate so far; undefined when nobody can know. */
export function leftMs(task: Task, nowMs: number): number | undefined {
  const share = shareOf(task)
  const passed = nowMs - task.startedMs
  if (task.state !== 'running' || share === undefined || share <= 0 || passed < LEAST_MS) return undefined
  return (passed / share) * (1 - share)
}

/** What stands beside the bar. */
export function progressLine(task: Task, nowMs: number): string {
  const words = s.activity.tasks
  if (task.state !== 'running') {
    return words.took(duration((task.endedMs ?? nowMs) - task.startedMs))
  }
  if (task.pausedSinceMs !== null)
    return [words.pausedSince(duration(nowMs - task.pausedSinceMs)), amountOf(task)].join(', ')
  const left = leftMs(task, nowMs)
  return [task.progress.step, amountOf(task), left === undefined ? undefined : words.left(duration(left))]
    .filter((part) => part !== undefined && part !== '')
    .join(', ')
}
