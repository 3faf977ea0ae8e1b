/** Nodes as `ls -l` shows them. */
import type { NodeRecord, NodeType } from '#core/meta/records.ts'

const LETTERS: Readonly<Record<NodeType, string>> = { 1: '-', 2: 'd', 3: 'l', 4: 'p', 5: 'b', 6: 'c', 7: 's' }
export const TYPE_NAMES: Readonly<Record<NodeType, string>> = {
  1: 'file',
  2: 'directory',
  3: 'symlink',
  4: 'fifo',
  5: 'block',
  6: 'char',
  7: 'socket',
}

/** `drwxr-sr-t`. */
export function modeText({ type, mode }: Pick<NodeRecord, 'type' | 'mode'>): string {
  const triple = (bits: number, special: number, letter: string) => {
    const x = (bits & 1) !== 0
    const last = special ? (x ? letter : letter.toUpperCase()) : x ? 'x' : '-'
    return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${last}`
  }
  return (
    LETTERS[type] +
    triple(mode >> 6, mode & 0o4000, 's') +
    triple(mode >> 3, mode & 0o2000, 's') +
    triple(mode, mode & 0o1000, 't')
  )
}

/** `2026-11-25 21:38` in local time. */
export function timeText(sec: number): string {
  const date = new Date(sec * 1000)
  if (Number.isNaN(date.getTime())) return String(sec)
  const two = (n: number) => String(n).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`
}
