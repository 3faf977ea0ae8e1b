/** What can be saved of each view: all of its rows, read a page at a time. */
import type {
  BlockView,
  BrokenFile,
  BucketObject,
  DuplicatesReport,
  FileMap,
  FileView,
  HealthReport,
  ShownOperation,
  SpaceEntry,
  SpaceFolder,
  SpaceView,
  UnusedKeys,
} from '#core/api/inspect.ts'
import { UNUSED_CLASSES } from '#core/api/inspect.ts'
import { isoTime, rowsOf, type Table } from '../../components/table-file.ts'
import type { ReadPage } from './object-pages.ts'

/** Rows of one request. */
export const EXPORT_PAGE = 1000

/** The listing must be the same from the first row to the last: another survey ends it with an error of `changed`. */
export function objectTable(
  name: string,
  read: ReadPage,
  total: number,
  changed: string,
): Table<BucketObject> {
  return {
    name,
    total,
    columns: {
      key: ({ key }) => key,
      slice: ({ slice }) => slice,
      block: ({ index }) => index,
      size: ({ size }) => size,
      stored: ({ stored }) => stored,
      modified: ({ mtimeMs }) => isoTime(mtimeMs),
      file: ({ path }) => path,
      'more files': ({ moreFiles }) => moreFiles,
    },
    async *rows(signal) {
      let listed: number | null | undefined
      for (let from = 0; ; from += EXPORT_PAGE) {
        const { objects, listedMs } = await read(from, EXPORT_PAGE, signal)
        listed ??= listedMs
        if (listedMs !== listed) throw new Error(changed)
        yield objects
        if (objects.length < EXPORT_PAGE) return
      }
    },
  }
}

interface ChunkBlock extends BlockView {
  readonly chunk: number
}

/** `read`: the map from a chunk on. */
export function blockTable(
  name: string,
  read: (from: number, signal: AbortSignal) => Promise<FileMap>,
): Table<ChunkBlock> {
  return {
    name,
    columns: {
      chunk: ({ chunk }) => chunk,
      slice: ({ slice }) => slice,
      block: ({ index }) => index,
      key: ({ key }) => key,
      size: ({ size }) => size,
      place: ({ place }) => place,
      shown: ({ shown }) => shown.reduce((sum, { start, end }) => sum + end - start, 0),
    },
    async *rows(signal) {
      for (let from: number | null = 0; from !== null; ) {
        const { chunks, nextChunk }: FileMap = await read(from, signal)
        yield chunks.flatMap(({ index, blocks }) => blocks.map((block) => ({ chunk: index, ...block })))
        from = nextChunk
      }
    },
  }
}

/** `read`: entries from a position on. */
export function folderTable(
  name: string,
  read: (from: number, signal: AbortSignal) => Promise<SpaceFolder | null>,
): Table<SpaceEntry> {
  return {
    name,
    columns: {
      path: ({ path }) => path,
      inode: ({ inode }) => inode,
      kind: ({ directory }) => (directory ? 'directory' : 'file'),
      files: ({ files }) => files,
      live: ({ live }) => live,
      trash: ({ trash }) => trash,
      shadowed: ({ shadowed }) => shadowed,
    },
    async *rows(signal) {
      for (let from = 0; ; ) {
        const folder = await read(from, signal)
        if (folder === null) return
        yield folder.entries
        from += folder.entries.length
        if (folder.more === 0 || folder.entries.length === 0) return
      }
    },
  }
}

export function ownerTable(name: string, owners: SpaceView['owners']): Table<SpaceView['owners'][number]> {
  const columns: Table<SpaceView['owners'][number]>['columns'] = {
    uid: ({ uid }) => uid,
    files: ({ files }) => files,
    stored: ({ bytes }) => bytes,
  }
  return { name, columns, rows: () => rowsOf(owners) }
}

export function ageTable(name: string, ages: SpaceView['ages']): Table<SpaceView['ages'][number]> {
  const columns: Table<SpaceView['ages'][number]>['columns'] = {
    'modified within days': ({ underDays }) => underDays,
    files: ({ files }) => files,
    stored: ({ bytes }) => bytes,
  }
  return { name, columns, rows: () => rowsOf(ages) }
}

/** A file that uses one of several equal slices. */
interface DuplicateUse {
  /** Counts groups of equal slices, from 1. */
  readonly group: number
  readonly slice: number
  readonly size: number
  readonly file: FileView | null
}

/** `read`: groups from a position on. */
export function duplicateTable(
  name: string,
  read: (from: number, signal: AbortSignal) => Promise<DuplicatesReport>,
): Table<DuplicateUse> {
  return {
    name,
    columns: {
      group: ({ group }) => group,
      slice: ({ slice }) => slice,
      size: ({ size }) => size,
      inode: ({ file }) => file?.inode,
      file: ({ file }) => file?.paths[0],
      state: ({ file }) => file?.state,
    },
    async *rows(signal) {
      for (let from = 0; ; ) {
        const { groups, more } = await read(from, signal)
        yield groups.flatMap(({ size, slices }, k) =>
          slices.flatMap(({ slice, files }) =>
            (files.length === 0 ? [null] : files).map((file) => ({ group: from + k + 1, slice, size, file })),
          ),
        )
        from += groups.length
        if (more === 0 || groups.length === 0) return
      }
    },
  }
}

/** A range that reads as an error, with its file. */
interface BrokenRange {
  readonly file: FileView
  readonly start: number
  readonly end: number
}

export function brokenTable(name: string, broken: readonly BrokenFile[]): Table<BrokenRange> {
  return {
    name,
    columns: {
      file: ({ file }) => file.paths[0],
      inode: ({ file }) => file.inode,
      state: ({ file }) => file.state,
      start: ({ start }) => start,
      end: ({ end }) => end,
    },
    rows: () => rowsOf(broken.flatMap(({ file, ranges }) => ranges.map((range) => ({ file, ...range })))),
  }
}

export const UNUSED = [
  'leaked',
  'pending',
  'young',
  'other',
] as const satisfies readonly (keyof HealthReport)[]

type UnusedClass = (typeof UNUSED_CLASSES)[number]

interface UnusedKey {
  readonly kind: UnusedClass
  readonly key: string
}

/** `read`: keys after one, or null. All must be of one survey: another ends it with an error of `changed`. */
export function unusedTable(
  name: string,
  read: (kind: UnusedClass, after: string | undefined, signal: AbortSignal) => Promise<UnusedKeys | null>,
  changed: string,
): Table<UnusedKey> {
  return {
    name,
    columns: { kind: ({ kind }) => kind, key: ({ key }) => key },
    async *rows(signal) {
      let listedMs: number | undefined
      for (const kind of UNUSED_CLASSES) {
        for (let after: string | undefined; ; ) {
          const page = await read(kind, after, signal)
          listedMs ??= page?.listedToMs
          if (page === null || page.listedToMs !== listedMs) throw new Error(changed)
          yield page.keys.map((key) => ({ kind, key }))
          if (!page.more) break
          after = page.keys.at(-1)
        }
      }
    },
  }
}

/** As shown, in order of time. */
export function traceTable(name: string, operations: readonly ShownOperation[]): Table<ShownOperation> {
  return {
    name,
    total: operations.length,
    columns: {
      time: ({ atMs }) => isoTime(atMs),
      pid: ({ pid }) => pid,
      uid: ({ uid }) => uid,
      program: ({ program }) => program,
      operation: ({ op }) => op,
      inode: ({ inode }) => inode,
      path: ({ path }) => path,
      to: ({ to }) => to,
      offset: ({ offset }) => offset,
      bytes: ({ bytes }) => bytes,
      error: ({ error }) => error,
      ms: ({ ms }) => ms,
      requests: ({ requests }) => requests.length,
      'slowest by': (operation) => slowest(operation)?.by,
      'slowest key': (operation) => slowest(operation)?.key,
      'slowest ms': (operation) => slowest(operation)?.ms,
    },
    rows: () => rowsOf(operations),
  }
}

export function slowest({ requests }: ShownOperation): ShownOperation['requests'][number] | undefined {
  return requests.toSorted((a, b) => b.ms - a.ms)[0]
}
