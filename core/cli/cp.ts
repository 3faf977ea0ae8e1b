import { basename, resolve } from 'node:path'
import { forEachParallel } from '#core/admin/pages.ts'
import { nameFromText } from '#core/base/name.ts'
import { Refusal } from '#core/base/refusal.ts'
import { formatCount, formatSize } from '#core/base/units.ts'
import { parseLocation } from '#core/volume/meta-url.ts'
import { type Call, defineCommand } from './command.ts'
import { type CopySide, type FileStat, joinPath, LocalSide, type SidePath, VolumeSide } from './copy-tree.ts'
import { TOOL_OPTIONS, type Volumes, withVolumes } from './volumes.ts'

const OPTIONS = {
  recursive: {
    kind: 'flag',
    short: 'r',
    help: 'directories with everything in them; symlinks stay symlinks',
  },
  preserve: { kind: 'flag', short: 'p', help: 'keep owner, mode and times' },
  'no-clobber': { kind: 'flag', help: 'leave files that exist already' },
  threads: { kind: 'number', min: 1, max: 256, default: '8', help: 'files at a time' },
  ...TOOL_OPTIONS,
} as const

interface End {
  readonly side: CopySide
  readonly path: SidePath
  /** Its last part; empty for a root. */
  readonly base: string
}

interface Pair {
  readonly from: SidePath
  readonly to: SidePath
  readonly stat: FileStat
}

export const cp = defineCommand({
  name: 'cp',
  operands: 'SOURCE… TARGET',
  arity: [2, Number.POSITIVE_INFINITY],
  summary: 'Copy files into a volume, out of it, inside it, or from one to another, without a mount.',
  description: `
A place in a volume is META-URL:/path; anything else is a local path. A file appears under its name only when
it is complete. Into an existing directory sources keep their names.`,
  options: OPTIONS,
  examples: [
    'pomelo cp report.pdf sqlite3:///team.db:/docs/',
    'pomelo cp -rp redis://host/1:/photos/2026 ~/Pictures',
    'pomelo cp -r sqlite3:///old.db:/ redis://host/1:/',
  ],
  run: (call) =>
    withVolumes(call, {}, async (volumes) => {
      const ends: End[] = []
      for (const text of call.operands) ends.push(await endOf(call, volumes, text))
      return new Copy(call).run(ends.slice(0, -1), ends.at(-1)!)
    }),
})

async function endOf({ signal }: Call<typeof OPTIONS>, volumes: Volumes, text: string): Promise<End> {
  const location = parseLocation(text)
  if (location === undefined) {
    const path = resolve(text)
    return { side: new LocalSide(signal), path: nameFromText(path), base: basename(path) }
  }
  const volume = await volumes.open(location.metaUrl)
  return {
    side: new VolumeSide(volume, signal),
    path: nameFromText(location.path),
    base: basename(location.path),
  }
}

class Copy {
  readonly #call: Call<typeof OPTIONS>
  readonly #sum = { files: 0, bytes: 0, skipped: 0 }

  constructor(call: Call<typeof OPTIONS>) {
    this.#call = call
  }

  async run(sources: readonly End[], target: End): Promise<number> {
    const { out } = this.#call
    const there = await target.side.stat(target.path, true)
    if (sources.length > 1 && there?.kind !== 'directory')
      throw new Refusal(`${target.side.show(target.path)} is not a directory`)
    for (const source of sources) {
      const into = there?.kind === 'directory' && source.base !== ''
      const to = into ? joinPath(target.path, nameFromText(source.base)) : target.path
      await this.#copy(source, target.side, to)
    }
    out.endProgress()
    const { files, bytes, skipped } = this.#sum
    out.data(this.#sum, () =>
      out.note(
        `${formatCount(files)} files, ${formatSize(bytes)}${skipped > 0 ? `; ${skipped} left out` : ''}`,
      ),
    )
    return skipped > 0 && !this.#call.options['no-clobber'] ? 1 : 0
  }

  async #copy(source: End, side: CopySide, to: SidePath): Promise<void> {
    const { options, out } = this.#call
    const stat = await source.side.stat(source.path, !options.recursive)
    if (stat === undefined) throw new Refusal(`${source.side.show(source.path)} does not exist`)
    if (stat.kind === 'directory' && !options.recursive) {
      throw new Refusal(
        `${source.side.show(source.path)} is a directory`,
        'add -r to copy it with everything in it',
      )
    }
    const progress = out.progress('Copying')
    const directories: Pair[] = []
    await forEachParallel(
      this.#pairs(source.side, { from: source.path, to, stat }, side, directories),
      options.threads,
      async (pair) => {
        await this.#one(source.side, pair, side, (bytes) => {
          this.#sum.bytes += bytes
          progress.update(`${formatCount(this.#sum.files)} files, ${formatSize(this.#sum.bytes)}`)
        })
      },
    )
    // Last, or what was put into them would have changed their times again.
    if (options.preserve) for (const pair of directories.reverse()) await side.preserve(pair.to, pair.stat)
  }

  /** What is to be copied, below a start: directories are made on the way. */
  async *#pairs(from: CopySide, pair: Pair, to: CopySide, directories: Pair[]): AsyncGenerator<Pair> {
    this.#call.signal.throwIfAborted()
    if (pair.stat.kind === 'other') {
      this.#sum.skipped++
      this.#call.out.warn(`${from.show(pair.from)} is no file, directory or symlink; left out`)
      return
    }
    if (pair.stat.kind !== 'directory') {
      yield pair
      return
    }
    const there = await to.stat(pair.to, true)
    if (there === undefined) await to.mkdir(pair.to)
    else if (there.kind !== 'directory') throw new Refusal(`${to.show(pair.to)} is not a directory`)
    directories.push(pair)
    for await (const name of from.list(pair.from)) {
      const below = joinPath(pair.from, name)
      const stat = await from.stat(below, false)
      if (stat !== undefined)
        yield* this.#pairs(from, { from: below, to: joinPath(pair.to, name), stat }, to, directories)
    }
  }

  async #one(from: CopySide, pair: Pair, to: CopySide, onBytes: (n: number) => void): Promise<void> {
    const { options } = this.#call
    const there = await to.stat(pair.to, false)
    if (there?.kind === 'directory')
      throw new Refusal(`${to.show(pair.to)} is a directory, and would be replaced by a file`)
    if (there !== undefined && options['no-clobber']) {
      this.#sum.skipped++
      return
    }
    if (pair.stat.kind === 'symlink') await to.symlink(pair.to, await from.readlink(pair.from))
    else await to.write(pair.to, counted(from.read(pair.from), onBytes), pair.stat.size, pair.stat.mode)
    if (options.preserve) await to.preserve(pair.to, pair.stat)
    this.#sum.files++
  }
}

async function* counted<T extends { readonly bytes: Uint8Array }>(
  parts: AsyncIterable<T>,
  onBytes: (n: number) => void,
): AsyncGenerator<T> {
  for await (const part of parts) {
    yield part
    onBytes(part.bytes.length)
  }
}
