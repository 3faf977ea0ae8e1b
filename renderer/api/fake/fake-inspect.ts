import type {
  BlockView,
  BrokenFile,
  BucketObject,
  CachedFile,
  ChunkMap,
  FileMap,
  ShownOperation,
  SpaceEntry,
} from '#core/api/inspect.ts'
import { UNUSED_CLASSES } from '#core/api/inspect.ts'
import type { InspectService } from '#core/api/services.ts'
import { chance } from './noise.ts'
import { Tree } from './tree.ts'
import { refusal, type World } from './world.ts'

const MiB = 2 ** 20
const BLOCK = 4 * MiB
const CHUNK = 64 * MiB
const LISTED_MS = Date.parse('2026-11-25T08:12:00Z')
const USED_WITHIN_MS = [3_600_000, 86_400_000, 604_800_000, null]
const FOLDERS = ['/footage', '/scans', '/renders', '/documents']

/** In a report; the others are read a page at a time. */
const MOST_KEYS = 1000
const UNUSED_COUNTS = { leaked: 412, pending: 2600, replaced: 30, young: 12, other: 3 }
type UnusedClass = keyof typeof UNUSED_COUNTS

/** A bucket of invented objects: the same every time. */
export function fakeInspect(world: World, trees: ReadonlyMap<string, Tree>): InspectService {
  const total = world.scenario === 'absurd' ? 1_000_000 : world.scenario === 'empty' ? 0 : 24_318
  return {
    status: async () => ({
      ...{ state: 'ready', chunks: total / 4, slices: total / 2, inodes: total / 5 },
      ...{ builtMs: LISTED_MS, currentMs: Date.now(), bytes: 18 * MiB },
    }),
    async object({ key }) {
      const at = Number(/(\d+)_\d+_\d+$/.exec(key)?.[1] ?? Number.NaN)
      if (Number.isNaN(at)) throw refusal('not-found', `${key} is no object of this volume.`)
      const object = objectAt(at)
      const unused = object.path === null
      return {
        ...{ key, block: { slice: object.slice, index: object.index, size: object.size } },
        stored: { bytes: object.stored, mtimeMs: object.mtimeMs },
        ratio: object.stored / object.size,
        reason: unused ? 'leaked' : chance(key, 4) > 0.8 ? 'shadowed' : 'live',
        place: (['store', 'disk', 'memory'] as const)[Math.floor(chance(key, 5) * 3)]!,
        uses: unused
          ? []
          : [
              {
                file: { inode: String(1000 + at), paths: [object.path], state: 'live', length: 40 * MiB },
                chunk: 0,
                ranges: [{ start: 0, end: object.size }],
                shadowedBytes: Math.floor(object.size * 0.1),
              },
            ],
        ...{ moreUses: 0, complete: true },
      }
    },
    async file({ id, path, inode, from, limit }) {
      const place = path ?? `/footage/inode ${inode}`
      const size =
        (path !== undefined && trees.get(id)?.has(path) ? trees.get(id)!.get(path).size : 0) || 500 * MiB
      return fileMap(place, size, from, limit)
    },
    async block({ key, offset, length }) {
      const text = `${key} contains the same bytes every time. `
      const bytes = Array.from({ length }, (_, k) =>
        chance(key, 9) > 0.5
          ? Math.floor(chance(key, offset + k) * 256)
          : text.charCodeAt((offset + k) % text.length),
      )
      return { key, size: BLOCK, offset, data: btoa(String.fromCharCode(...bytes)) }
    },
    bucket: async ({ firstSlice, endSlice, from, limit }) => {
      const [first, end] = [Math.max(1, firstSlice), Math.min(total + 1, endSlice)]
      const count = Math.max(0, end - first)
      return {
        objects: Array.from({ length: Math.max(0, Math.min(limit, count - from)) }, (_, k) =>
          objectAt(first + from + k),
        ),
        ...{ from, total: count, listedMs: total === 0 ? null : LISTED_MS },
      }
    },
    folders: async ({ firstSlice, endSlice, width }) => {
      const folders = []
      for (let at = firstSlice; at < Math.min(endSlice, total + 1); at += width) {
        const end = Math.min(at + width, total + 1)
        folders.push({
          firstSlice: at,
          endSlice: at + width,
          objects: end - at,
          bytes: (end - at) * 3.1 * MiB,
        })
      }
      return folders
    },
    space: async () => {
      const bytes = total * 3.1 * MiB
      const part = (share: number) => Math.floor(bytes * share)
      const classes = {
        ...{ live: part(0.71), trash: part(0.12), pending: part(0.03), shadowed: part(0.08) },
        ...{ replaced: part(0.02), young: part(0.01), leaked: part(0.02), other: part(0.01) },
      }
      return total === 0
        ? null
        : {
            ...{ listedFromMs: LISTED_MS, listedToMs: LISTED_MS + 4000, objects: total, bytes, classes },
            missing: { count: 0, bytes: 0 },
            unfinished: false,
            owners: [1000, 1001, 0].map((uid, k) => ({ uid, files: 900 >> k, bytes: part(0.5 / (k + 1)) })),
            ages: [1, 7, 30, 90, 365, 1095, null].map((underDays, k) => ({
              ...{ underDays, files: 40 * (k + 1), bytes: part(0.02 * (k + 1)) },
            })),
          }
    },
    folder: async ({ path, from, limit }) => {
      const names =
        path === '/'
          ? FOLDERS.map((each) => each.slice(1))
          : Array.from({ length: 30 }, (_, k) => `part ${k + 1}`)
      const entries = names.map((name, k) => entryOf(path, name, k)).sort((a, b) => b.live - a.live)
      const sum = (key: 'live' | 'trash' | 'shadowed') => entries.reduce((all, entry) => all + entry[key], 0)
      return {
        ...{ path, inode: '1', entries: entries.slice(from, from + limit) },
        more: Math.max(0, entries.length - from - limit),
        total: { files: 4000, live: sum('live'), trash: sum('trash'), shadowed: sum('shadowed') },
      }
    },
    health: async () => {
      const unused = (...kinds: readonly UnusedClass[]) => {
        const keys = kinds.flatMap(unusedObjects)
        return { count: keys.length, bytes: keys.length * 3.1 * MiB, keys: keys.slice(0, MOST_KEYS) }
      }
      if (total === 0) return null
      return {
        ...{ listedFromMs: LISTED_MS, listedToMs: LISTED_MS + 4000, blocks: total },
        ...{ broken: [0, 1].map(brokenFile), hiddenLosses: 1, maybeStaged: 0 },
        ...{ leaked: unused('leaked'), pending: unused('pending', 'replaced') },
        ...{ young: unused('young'), other: unused('other') },
      }
    },
    unused: async ({ kind, after, limit }) => {
      if (total === 0) return null
      const keys = unusedObjects(kind)
      const from = after === undefined ? 0 : keys.indexOf(after) + 1
      const more = from + limit < keys.length
      return { keys: keys.slice(from, from + limit), more, listedToMs: LISTED_MS + 4000 }
    },
    cached: async ({ id, from, limit }) => {
      const kept = new Set((world.pins.get(id) ?? []).map(({ path }) => path))
      const files = total === 0 ? [] : cachedFiles(kept)
      const size = files.reduce((sum, { cachedBytes }) => sum + cachedBytes, 0)
      return {
        ...{ blocks: Math.ceil(size / BLOCK), bytes: size, unused: { count: 0, bytes: 0 }, folders: [] },
        lastUse: USED_WITHIN_MS.map((withinMs, k) => ({
          withinMs,
          count: 10,
          bytes: size * (0.4 - 0.1 * k),
        })),
        files: files.slice(from, from + limit),
        more: Math.max(0, files.length - from - limit),
      }
    },
    duplicates: async ({ from, limit }) => ({
      ...{ knownSlices: total / 2, slices: total / 2, knownBytes: total * 3 * MiB },
      ...{ sharableBytes: 812 * MiB, repeatedBytes: 1130 * MiB, more: 0 },
      groups: [64, 31, 8, 2].slice(from, from + limit).map((size, k) => ({
        size: size * MiB,
        wastedBytes: size * MiB * (k + 1),
        slices: Array.from({ length: k + 2 }, (_, at) => ({
          slice: 400 + 10 * k + at,
          files: [
            {
              ...{ inode: String(70 + at), state: 'live' as const, length: size * MiB },
              paths: [`${FOLDERS[k]}/take ${at + 1}.mov`],
            },
          ],
          moreFiles: 0,
        })),
      })),
    }),
    async *trace({ slowerMs = 0 }, { signal }) {
      for (let seq = 1; !signal.aborted; seq += 6) {
        await new Promise((resolve) => setTimeout(resolve, 250))
        const operations = Array.from({ length: 6 }, (_, k) => operationAt(seq + k))
        yield { operations: operations.filter(({ ms }) => ms >= slowerMs), late: [], dropped: 0 }
      }
    },
  }
}

/** Keys of a class, in order. */
function unusedObjects(kind: UnusedClass): readonly string[] {
  const from = 1 + 8 * UNUSED_CLASSES.indexOf(kind)
  return Array.from({ length: UNUSED_COUNTS[kind] }, (_, k) => objectAt(from + 33 * k).key)
}

function brokenFile(k: number): BrokenFile {
  const path = `${FOLDERS[k]}/take ${k + 7}.mov`
  const ranges = Array.from({ length: 1 + k }, (_, at) => ({
    start: 3 * at * BLOCK,
    end: (3 * at + 1) * BLOCK,
  }))
  return {
    file: { inode: String(800 + k), paths: [path], state: 'live', length: 90 * MiB },
    ...{ ranges, lostBytes: ranges.length * BLOCK, missing: ranges.length, wrongSize: 0 },
  }
}

function cachedFiles(kept: ReadonlySet<string | null>): readonly CachedFile[] {
  const tree = new Tree()
  const found = FOLDERS.flatMap((folder) => [...tree.folder(folder).values()])
  const largest = found.filter(({ type }) => type === 'file').sort((a, b) => b.size - a.size)
  return largest.slice(0, 40).map(({ path, ino, size }, k) => {
    const share = k % 3 === 0 ? 1 : chance('share', k)
    const cachedBytes = Math.floor(size * share)
    return {
      file: { inode: ino, paths: [path], state: 'live', length: size },
      ...{
        cachedBytes,
        share,
        stagedBytes: k === 1 ? 8 * MiB : 0,
        keptBytes: kept.has(path) ? cachedBytes : 0,
      },
      idleMs: k % 4 === 3 ? null : Math.floor(60_000 * 7 ** (k % 8)),
    }
  })
}

function objectAt(slice: number): BucketObject {
  const size = chance('size', slice) > 0.3 ? BLOCK : Math.ceil(chance('size', slice) * BLOCK * 3) + 1
  return {
    key: `chunks/${Math.floor(slice / 1e6)}/${Math.floor(slice / 1e3)}/${slice}_0_${size}`,
    ...{ slice, index: 0, size, stored: Math.ceil(size * (0.5 + chance('ratio', slice) / 2)) },
    mtimeMs: LISTED_MS - Math.floor(chance('age', slice) * 90 * 86_400_000),
    path:
      chance('leak', slice) > 0.97
        ? null
        : `${FOLDERS[slice % FOLDERS.length]}/take ${Math.floor(slice / 7)}.mov`,
    moreFiles: chance('more', slice) > 0.9 ? 2 : 0,
  }
}

function fileMap(path: string, length: number, from: number, limit: number): FileMap {
  const last = Math.ceil(length / CHUNK)
  const chunks = Array.from({ length: Math.max(0, Math.min(limit, last - from)) }, (_, k) =>
    chunkAt(path, from + k, Math.min(CHUNK, length - (from + k) * CHUNK)),
  )
  const places = { memory: 0, disk: 0, staging: 0, store: 0, missing: 0 }
  for (const { place } of chunks.flatMap(({ blocks }) => blocks)) places[place]++
  return {
    file: { inode: '4711', paths: [path], state: 'live', length },
    blockSize: BLOCK,
    chunks,
    nextChunk: from + limit < last ? from + limit : null,
    places: Object.fromEntries(
      Object.entries(places).map(([place, count]) => [place, { count, bytes: count * BLOCK }]),
    ) as unknown as FileMap['places'],
    cold: { requests: chunks.length * 16, bytes: length },
    now: { requests: places.store, bytes: places.store * BLOCK },
  }
}

/** One long slice, and for some chunks a second one written over its middle. */
function chunkAt(path: string, index: number, length: number): ChunkMap {
  const base = 9000 + index * 2
  const over = chance(path, index) > 0.5 && length > 24 * MiB ? { at: 9 * MiB, len: 10 * MiB } : undefined
  const start = index * CHUNK
  const record = (slice: number, position: number, len: number, shownBytes: number) => ({
    ...{ slice, size: len, off: 0, len, position, shownBytes },
  })
  const blocksOf = (slice: number, size: number, hidden?: { at: number; len: number }): BlockView[] =>
    Array.from({ length: Math.ceil(size / BLOCK) }, (_, k) => {
      const [from, to] = [k * BLOCK, Math.min(size, (k + 1) * BLOCK)]
      const shown =
        hidden === undefined || hidden.at >= to || hidden.at + hidden.len <= from
          ? [{ start: 0, end: to - from }]
          : [
              { start: 0, end: Math.max(0, hidden.at - from) },
              { start: Math.min(to, hidden.at + hidden.len) - from, end: to - from },
            ].filter((span) => span.end > span.start)
      return {
        key: `chunks/0/9/${slice}_${k}_${to - from}`,
        ...{ slice, index: k, size: to - from, shown },
        place: (['store', 'disk', 'memory', 'disk', 'store'] as const)[
          Math.floor(chance(`${path}${slice}`, k) * 5)
        ]!,
      }
    })
  if (over === undefined)
    return {
      index,
      records: [record(base, start, length, length)],
      view: [{ start, end: start + length, slice: base, off: 0 }],
      blocks: blocksOf(base, length),
    }
  return {
    index,
    records: [
      record(base, start, length, length - over.len),
      record(base + 1, start + over.at, over.len, over.len),
    ],
    view: [
      { start, end: start + over.at, slice: base, off: 0 },
      { start: start + over.at, end: start + over.at + over.len, slice: base + 1, off: 0 },
      { start: start + over.at + over.len, end: start + length, slice: base, off: over.at + over.len },
    ],
    blocks: [...blocksOf(base, length, over), ...blocksOf(base + 1, over.len)],
  }
}

function entryOf(path: string, name: string, k: number): SpaceEntry {
  const live = Math.ceil(chance(path + name, k) ** 3 * 400 * 2 ** 30)
  return {
    ...{
      name,
      path: `${path === '/' ? '' : path}/${name}`,
      inode: String(50 + k),
      directory: path === '/' || k < 8,
    },
    ...{
      files: 1 + Math.floor(chance(name, k) * 900),
      live,
      trash: Math.floor(live * 0.1),
      shadowed: Math.floor(live * 0.05),
    },
  }
}

const OPS = ['read', 'lookup', 'write', 'getattr', 'open', 'read', 'flush', 'readdir'] as const

function operationAt(seq: number): ShownOperation {
  const op = OPS[Math.floor(chance('op', seq) * OPS.length)]!
  const waits = op === 'read' && chance('wait', seq) > 0.5
  const ms = waits ? 5 + chance('ms', seq) * 80 : chance('ms', seq)
  const moves = op === 'read' || op === 'write'
  return {
    ...{ seq, op, pid: 4200 + (seq % 3), uid: 1000, program: ['ffmpeg', 'rsync', 'nautilus'][seq % 3]!, ms },
    ...{ atMs: Date.now(), error: null, inode: String(100 + (seq % 9)) },
    path: `${FOLDERS[seq % FOLDERS.length]}/take ${seq % 40}.mov`,
    ...(moves && { offset: (seq % 100) * 131_072, bytes: 131_072 }),
    requests: waits ? [{ by: 'store', key: objectAt(seq % 9000).key, bytes: 131_072, ms: ms * 0.97 }] : [],
  }
}
