import { formatCount, formatSize } from '#core/base/units.ts'
import type { ShownPin } from '#core/volume/pins.ts'
import { defineCommand } from './command.ts'
import { UsageError } from './options.ts'
import { byVolume, mustHaveCache, type OperationPlace, withPlaces } from './places.ts'
import { TOOL_OPTIONS } from './volumes.ts'

const OPTIONS = {
  list: { kind: 'flag', help: 'show what is pinned, and how much of it is here' },
  remove: { kind: 'flag', help: 'end it: the data stay until their room is needed' },
  ...TOOL_OPTIONS,
} as const

export const pin = defineCommand({
  name: 'pin',
  operands: 'PATH…',
  arity: [1, Number.POSITIVE_INFINITY],
  summary: 'Keep files and folders in the disk cache whatever its size, and fetch what is missing.',
  description:
    'Paths are in a mounted volume. META-URL:/path works on the cache that --cache-dir names. What changes in a pinned folder is followed by the mount, within minutes. With --list any path of a volume names it.',
  options: OPTIONS,
  examples: ['pomelo pin ~/team/project', 'pomelo pin --list ~/team', 'pomelo pin --remove ~/team/project'],
  async run(call) {
    const { options, operands, out } = call
    if (options.list && options.remove) throw new UsageError('--list and --remove exclude each other')
    return withPlaces(call, operands, { readOnly: true }, async (places) => {
      const groups = byVolume(places)
      for (const group of groups) mustHaveCache(call, group[0]!)
      if (options.remove) {
        const unknown = (await each(groups, (place, paths) => place.run('unpin', { paths }))) as string[]
        for (const path of unknown) out.warn(`${path} is not pinned: see \`pomelo pin --list\``)
        return unknown.length > 0 ? 1 : 0
      }
      const progress = options.list ? undefined : out.progress('Fetching')
      const pins = (await each(groups, (place, paths) =>
        options.list
          ? place.run('pins', {})
          : place.run('pin', { paths }, (value) =>
              progress?.update(`${formatCount((value as { files: number }).files)} files`),
            ),
      )) as ShownPin[]
      out.endProgress()
      out.data(pins, () => {
        if (pins.length === 0) return out.print('nothing is pinned')
        out.table(['files', 'size', 'here', 'path'], pins.map(rowOf), [0, 1, 2])
      })
      for (const { path, ino, note } of pins)
        if (note !== undefined) out.warn(`${path ?? `inode ${ino}`}: ${note}`)
      return pins.some(({ note }) => note !== undefined) ? 1 : 0
    })
  },
})

/** What `ask` answers for each volume, joined. */
async function each(
  groups: readonly (readonly OperationPlace[])[],
  ask: (place: OperationPlace, paths: readonly string[]) => Promise<unknown>,
): Promise<readonly unknown[]> {
  const answers: unknown[] = []
  for (const group of groups) {
    const paths = group.map(({ path }) => path)
    answers.push(...((await ask(group[0]!, paths)) as readonly unknown[]))
  }
  return answers
}

function rowOf({ path, ino, files, bytes, cachedBytes }: ShownPin): readonly string[] {
  return [
    files === null ? '-' : formatCount(files),
    bytes === null ? '-' : formatSize(bytes),
    bytes === null || cachedBytes === null ? '-' : `${shareOf(cachedBytes, bytes)} %`,
    path ?? `inode ${ino}, in the trash`,
  ]
}

function shareOf(part: number, whole: number): number {
  return whole === 0 ? 100 : Math.floor((part / whole) * 100)
}
