import type { PathInfo } from '#core/admin/info.ts'
import { formatBytes } from '#core/base/units.ts'
import { defineCommand } from './command.ts'
import { UsageError } from './options.ts'
import type { Output } from './output.ts'
import { withPlaces } from './places.ts'
import { TOOL_OPTIONS } from './volumes.ts'

const OPTIONS = {
  inode: {
    kind: 'flag',
    short: 'i',
    help: 'the path ends in an inode number: META-URL:/123, or MOUNT-POINT/123',
  },
  recursive: { kind: 'flag', short: 'r', help: 'count everything below a directory' },
  strict: { kind: 'flag', help: 'go over the entries instead of the stored statistics' },
  raw: { kind: 'flag', help: 'slices as stored, instead of objects' },
  ...TOOL_OPTIONS,
} as const

export const info = defineCommand({
  name: 'info',
  operands: 'META-URL:/PATH | PATH…',
  arity: [1, Number.POSITIVE_INFINITY],
  summary: 'Show size, paths, objects and locks of files and directories.',
  options: OPTIONS,
  examples: [
    'pomelo info ~/team/report.pdf',
    'pomelo info -r sqlite3:///team.db:/projects',
    'pomelo info -i sqlite3:///team.db:/1027',
  ],
  run: (call) =>
    withPlaces(call, call.operands, { readOnly: true }, async (places) => {
      const { options, out } = call
      const progress = out.progress('Counting')
      const infos: PathInfo[] = []
      for (const place of places) {
        progress.update(place.path)
        const { recursive, strict, raw } = options
        const what = options.inode ? { inode: inodeOf(place.path) } : { path: place.path }
        infos.push((await place.run('info', { ...what, recursive, strict, raw })) as PathInfo)
      }
      out.endProgress()
      out.data(infos, () => {
        for (const [k, each] of infos.entries()) show(out, places[k]!.path, each)
      })
      return 0
    }),
})

function inodeOf(path: string): string {
  const number = /(\d+)\/?$/.exec(path)?.[1]
  if (number === undefined) throw new UsageError(`--inode wants a number at the end, not ${path}`)
  return number
}

function show(
  out: Output,
  path: string,
  { inode, summary, paths, objects, chunks, flocks, plocks }: PathInfo,
): void {
  out.print(`${path}:`)
  out.print(`  inode: ${inode}`)
  out.print(`  files: ${summary.files}`)
  out.print(`   dirs: ${summary.dirs}`)
  out.print(` length: ${formatBytes(summary.length)}`)
  out.print(`   size: ${formatBytes(summary.space)}`)
  if (paths.length === 1) out.print(`   path: ${paths[0]}`)
  else out.print(paths.length === 0 ? '   path: unknown' : `  paths: ${paths.join('\n         ')}`)
  const text = (values: readonly (string | number)[]) => values.map(String)
  if (objects !== undefined && objects.length > 0) {
    out.print('objects:')
    const rows = objects.map(({ chunk, key, size, offset, length, position }) =>
      text([chunk, key || '(hole)', size, offset, length, position]),
    )
    out.table(['chunk', 'object', 'size', 'offset', 'length', 'position'], rows, [0, 2, 3, 4, 5])
  }
  if (chunks !== undefined && chunks.length > 0) {
    out.print('slices:')
    const rows = chunks.map(({ chunk, slice, size, offset, length }) =>
      text([chunk, slice, size, offset, length]),
    )
    out.table(['chunk', 'slice', 'size', 'offset', 'length'], rows, [0, 1, 2, 3, 4])
  }
  if (flocks.length > 0) {
    out.print('flocks:')
    out.table(
      ['session', 'owner', 'type'],
      flocks.map(({ sid, owner, type }) => text([sid, owner, type])),
      [0],
    )
  }
  if (plocks.length > 0) {
    out.print('plocks:')
    const rows = plocks.map(({ sid, owner, type, pid, start, end }) =>
      text([sid, owner, type, pid, start, end]),
    )
    out.table(['session', 'owner', 'type', 'pid', 'start', 'end'], rows, [0, 3, 4, 5])
  }
}
