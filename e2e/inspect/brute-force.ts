/**
 * What every object and every byte of a volume is for, worked out anew from a JSON dump of its metadata and a listing of
 * its bucket. It shares no code with the product: records are painted over bytes, block by block.
 */

interface DumpedSlice {
  readonly id: number
  readonly pos?: number
  readonly size: number
  readonly off?: number
  readonly len: number
}

interface DumpedEntry {
  readonly attr: { readonly inode: bigint | number; readonly type: string; readonly length?: number }
  readonly chunks?: readonly { readonly index: number; readonly slices: readonly DumpedSlice[] }[]
  readonly entries?: Readonly<Record<string, DumpedEntry>>
}

export interface Dump {
  readonly FSTree: DumpedEntry
  readonly Trash?: DumpedEntry
}

/** The text of a dump, with inode numbers that no JS number holds as text. Errors: of the parser, with what it was at. */
export function parseDump(dump: string): Dump {
  const text = dump.replaceAll(/"inode":(\d{16,})/g, '"inode":"$1"')
  try {
    return JSON.parse(text) as Dump
  } catch (error) {
    const at = Number(/at position (\d+)/.exec(String(error))?.[1] ?? 0)
    throw new Error(`a dump that is no JSON: … ${text.slice(Math.max(0, at - 200), at + 200)} …`, {
      cause: error,
    })
  }
}

export interface BruteFile {
  readonly inode: string
  readonly length: number
  readonly chunks: NonNullable<DumpedEntry['chunks']>
  readonly live: string[]
  readonly trash: string[]
}

export interface BruteUse {
  readonly inode: string
  readonly chunk: number
  /** Flat: start, end, start, end … in the file. */
  readonly ranges: readonly number[]
  readonly shadowed: number
}

const CHUNK = 64 * 2 ** 20

/** `%XX` stands for a byte; what is no UTF-8 then is shown as replacement characters. */
function unescapeName(name: string): string {
  const bytes = [...name.matchAll(/%([0-9A-F]{2})|[^%]+|%/g)].map(([text, hex]) =>
    hex === undefined ? Buffer.from(text) : Buffer.from([Number.parseInt(hex, 16)]),
  )
  return Buffer.concat(bytes).toString()
}

/** Every file of the dump by its inode. */
export function filesOf(dump: Dump): ReadonlyMap<string, BruteFile> {
  const files = new Map<string, BruteFile>()
  const visit = (entry: DumpedEntry, path: string, inTrash: boolean): void => {
    if (entry.attr.type === 'regular') {
      const inode = String(entry.attr.inode)
      let file = files.get(inode)
      if (file === undefined) {
        file = { inode, length: entry.attr.length ?? 0, chunks: entry.chunks ?? [], live: [], trash: [] }
        files.set(inode, file)
      }
      ;(inTrash ? file.trash : file.live).push(path)
    }
    for (const [name, child] of Object.entries(entry.entries ?? {}))
      visit(child, `${path}/${unescapeName(name)}`, inTrash)
  }
  visit(dump.FSTree, '', false)
  if (dump.Trash !== undefined) visit(dump.Trash, '/.trash', true)
  return files
}

/** Pieces of one chunk after painting, in order: which record is on top of each stretch. */
function paint(slices: readonly DumpedSlice[], end: number): { from: number; to: number; top: number }[] {
  const cuts = new Set([0, end])
  for (const { pos = 0, len } of slices) for (const at of [pos, pos + len]) if (at < end) cuts.add(at)
  const at = [...cuts].filter((cut) => cut <= end).sort((a, b) => a - b)
  return at.slice(0, -1).map((from, k) => {
    let top = -1
    for (const [nth, { pos = 0, len }] of slices.entries()) if (pos <= from && from < pos + len) top = nth
    return { from, to: at[k + 1]!, top }
  })
}

/** The view of a whole file: [start, end, slice, offset in the slice] of each stretch, holes as slice 0, joined. */
export function viewOf(file: BruteFile): readonly (readonly [number, number, number, number])[] {
  const view: [number, number, number, number][] = []
  const add = (start: number, end: number, slice: number, off: number) => {
    const last = view.at(-1)
    const goesOn =
      last !== undefined &&
      last[1] === start &&
      last[2] === slice &&
      (slice === 0 || last[3] + start - last[0] === off)
    if (goesOn) last[1] = end
    else view.push([start, end, slice, slice === 0 ? 0 : off])
  }
  for (let index = 0; index * CHUNK < file.length; index++) {
    const slices = file.chunks.find((chunk) => chunk.index === index)?.slices ?? []
    const end = Math.min(CHUNK, file.length - index * CHUNK)
    for (const { from, to, top } of paint(slices, end)) {
      const { id = 0, pos = 0, off = 0 } = slices[top] ?? {}
      add(index * CHUNK + from, index * CHUNK + to, id, from - pos + off)
    }
  }
  return view
}

interface BlockOf {
  readonly slice: number
  readonly index: number
  readonly size: number
}

/** From the end of a key such as `…/12_3_65536`. */
export function blockOfKey(key: string): BlockOf | undefined {
  const match = /\/(\d+)_(\d+)_(\d+)$/.exec(key)
  return match === null
    ? undefined
    : { slice: Number(match[1]), index: Number(match[2]), size: Number(match[3]) }
}

export class BruteForce {
  readonly files: ReadonlyMap<string, BruteFile>
  readonly #blockSize: number
  /** Where a slice is named. */
  readonly #named = new Map<number, { file: BruteFile; chunk: number; slices: readonly DumpedSlice[] }[]>()

  constructor(dump: Dump, blockSize: number) {
    this.files = filesOf(dump)
    this.#blockSize = blockSize
    for (const file of this.files.values())
      for (const { index, slices } of file.chunks)
        for (const id of new Set(slices.map(({ id }) => id)))
          if (id > 0) this.#named.set(id, [...(this.#named.get(id) ?? []), { file, chunk: index, slices }])
  }

  /** Keys that some record names, as `slice_block_size`. */
  named(): readonly string[] {
    const keys: string[] = []
    for (const [id, uses] of this.#named) {
      const { size } = uses[0]!.slices.find((slice) => slice.id === id)!
      for (let from = 0, index = 0; from < size; from += this.#blockSize, index++)
        keys.push(`${id}_${index}_${Math.min(this.#blockSize, size - from)}`)
    }
    return keys
  }

  uses({ slice, index, size }: BlockOf): readonly BruteUse[] {
    const uses: BruteUse[] = []
    for (const { file, chunk, slices } of this.#named.get(slice) ?? []) {
      const [from, to] = [index * this.#blockSize, index * this.#blockSize + size]
      // Byte by byte of the block: named by a record at all, and on top somewhere.
      const named = new Uint8Array(size)
      const shown = new Uint8Array(size)
      const ranges: [number, number][] = []
      for (const { id, off = 0, len } of slices)
        if (id === slice)
          named.fill(1, Math.max(0, off - from), Math.max(0, Math.min(size, off + len - from)))
      const end = Math.min(CHUNK, file.length - chunk * CHUNK)
      for (const { from: start, to: stop, top } of paint(slices, Math.max(0, end))) {
        const record = slices[top]
        if (record?.id !== slice) continue
        const shift = (record.off ?? 0) - (record.pos ?? 0)
        const [a, b] = [Math.max(from, start + shift), Math.min(to, stop + shift)]
        if (a >= b) continue
        shown.fill(1, a - from, b - from)
        ranges.push([chunk * CHUNK + a - shift, chunk * CHUNK + b - shift])
      }
      if (!named.includes(1)) continue
      const joined: number[] = []
      for (const [start, stop] of ranges.sort((x, y) => x[0] - y[0])) {
        if (joined.length > 0 && joined.at(-1)! >= start)
          joined[joined.length - 1] = Math.max(stop, joined.at(-1)!)
        else joined.push(start, stop)
      }
      const shadowed = named.reduce((sum, is, at) => sum + (is === 1 && shown[at] === 0 ? 1 : 0), 0)
      uses.push({ inode: file.inode, chunk, ranges: joined, shadowed })
    }
    return uses
  }

  /** Whether a file names the slice, live or only in the trash: a slice keeps its objects whatever records leave out. */
  stateOf(slice: number): 'live' | 'trash' | undefined {
    const uses = this.#named.get(slice)
    if (uses === undefined) return undefined
    return uses.some(({ file }) => file.live.length > 0) ? 'live' : 'trash'
  }

  /**
   * Of an object of an uncompressed volume: its bytes by class. Undefined: no record names it. `namedLive`: files name
   * it where no dump tells, and whether a live one does.
   */
  classes(
    block: BlockOf,
    namedLive: boolean | undefined,
  ): { live: number; trash: number; shadowed: number } | undefined {
    const uses = this.#named.get(block.slice) ?? []
    if (uses.length === 0 && namedLive === undefined) return undefined
    const from = block.index * this.#blockSize
    const kind = new Uint8Array(block.size)
    for (const inTrash of [true, false]) {
      for (const { file, chunk, slices } of uses) {
        if (file.live.length > 0 === inTrash) continue
        const end = Math.min(CHUNK, file.length - chunk * CHUNK)
        for (const { from: start, to: stop, top } of paint(slices, Math.max(0, end))) {
          const record = slices[top]
          if (record?.id !== block.slice) continue
          const shift = (record.off ?? 0) - (record.pos ?? 0) - from
          kind.fill(
            inTrash ? 2 : 1,
            Math.max(0, start + shift),
            Math.max(0, Math.min(block.size, stop + shift)),
          )
        }
      }
    }
    const count = (wanted: number) => kind.reduce((sum, each) => sum + (each === wanted ? 1 : 0), 0)
    const hidden = count(0)
    const isLive = namedLive === true || this.stateOf(block.slice) === 'live'
    return { live: count(1), trash: count(2) + (isLive ? 0 : hidden), shadowed: isLive ? hidden : 0 }
  }
}
