/** The rows of the benchmark, as drive.py knows them. */
export const METADATA = [
  'create',
  'mkdir',
  'lookup',
  'lookup missing',
  'open + close',
  'list + stat',
  'chmod',
  'utimes',
  'truncate',
  'rename',
  'rename over',
  'link',
  'symlink',
  'unlink',
  'rmdir',
  'setxattr',
  'getxattr',
] as const

/** Whole files. */
export const SMALL_FILES = [
  'write 4 KiB file',
  'write 4 KiB file + fsync',
  'read 4 KiB file',
  'write 128 KiB file',
  'read 128 KiB file',
] as const

/**
 * `disk cache`: read before, and gone from the kernel's own cache. `+ fsync`: the time until all is durable. `4 x`: as
 * many processes at a time, each with a file of its own.
 */
export const DATA = [
  'append 4 KiB + fsync',
  'write 256 MiB',
  'write 256 MiB + fsync',
  'read 256 MiB',
  'read 256 MiB, disk cache',
  'read 256 MiB, page cache',
  'write 4 x 64 MiB + fsync',
  'read 4 x 64 MiB',
  'read 4 x 64 MiB, disk cache',
  'random read 4 KiB',
  'random read 4 KiB, disk cache',
  'random write 4 KiB',
  'random write 4 KiB + fsync',
] as const

export const PROGRAMS = ['untar', 'git clone', 'git add + commit', 'git status', 'rm -rf'] as const

export type RowKind = 'metadata' | 'data' | 'program'

export function kindOf(row: string): RowKind {
  if ((METADATA as readonly string[]).includes(row)) return 'metadata'
  return (PROGRAMS as readonly string[]).includes(row) ? 'program' : 'data'
}

/** A row's speed (operations or megabytes a second) in the unit people read. */
export function show(row: string, speed: number): string {
  if (kindOf(row) === 'program') return `${(1 / speed).toFixed(2)} s`
  return row.includes(' MiB') ? `${speed.toFixed(0)} MB/s` : `${(1e6 / speed).toFixed(1)} µs`
}
