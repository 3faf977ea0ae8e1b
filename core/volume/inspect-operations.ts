/** Questions to the inspector, by name and with plain data. */
import { resolvePath } from '#core/admin/paths.ts'
import { rootContext } from '#core/base/context.ts'
import { EINVAL, fail } from '#core/base/errno.ts'
import { inoFromBigInt } from '#core/base/ino.ts'
import { type BlockPreview, UNUSED_CLASSES } from '#core/inspect/answers.ts'
import { cachedView } from '#core/inspect/cached.ts'
import { fileMap } from '#core/inspect/file-map.ts'
import { healthReport, unusedKeys } from '#core/inspect/health.ts'
import { objectAnswer } from '#core/inspect/object-answer.ts'
import type { SliceRange } from '#core/inspect/object-list.ts'
import type { ScanOptions } from '#core/inspect/scan.ts'
import { spaceFolder, spaceView } from '#core/inspect/space.ts'
import { readStoredBlock } from '#core/inspect/stored-block.ts'
import { lastSurvey, withLastSurvey, withSurvey } from '#core/inspect/survey.ts'
import type { Volume } from './open-volume.ts'

type Args = Readonly<Record<string, unknown>>
type Operation = (volume: Volume, args: Args, job: ScanOptions) => Promise<unknown>

export const INSPECT_OPERATIONS: Readonly<Record<string, Operation>> = {
  inspectStatus: async ({ inspector }) => inspector.index.status(),
  inspectObject,
  inspectFile,
  inspectSpace,
  inspectFolder,
  inspectHealth,
  inspectCached,
  inspectLastSpace,
  inspectLastHealth,
  inspectUnused,
  inspectBucket,
  inspectFolders,
  inspectBlock,
}

const CHUNKS = 16
const ENTRIES = 200
const PREVIEW = 4096
const MOST_PREVIEW = 65_536

/** `key`: as in the bucket, with or without the volume's name before it. */
async function inspectObject(volume: Volume, args: Args, job: ScanOptions) {
  const written = text(args, 'key').replace(/^\/+/, '')
  const prefix = `${volume.setting.Name}/`
  const key = written.startsWith(prefix) ? written.slice(prefix.length) : written
  return objectAnswer(await volume.inspector.parts(job), key, job.signal)
}

/** `path`, or `inode` in decimal; `from` a chunk, `limit` chunks, `probe`: ask the store for each block. */
async function inspectFile(volume: Volume, args: Args, job: ScanOptions) {
  const parts = await volume.inspector.parts(job)
  const ino =
    typeof args.inode === 'string'
      ? inoFromBigInt(BigInt(args.inode))
      : (await resolvePath(volume.meta, rootContext(job.signal), text(args, 'path'))).ino
  return fileMap(parts, ino, {
    from: count(args, 'from', 0),
    limit: count(args, 'limit', CHUNKS),
    probe: args.probe === true,
    signal: job.signal,
  })
}

/** `again: false`: what the last survey found, if there was one. */
async function inspectSpace(volume: Volume, args: Args, job: ScanOptions) {
  const parts = await volume.inspector.parts(job)
  const last = args.again === false ? lastSurvey(parts.index.file) : undefined
  return last === undefined
    ? withSurvey(parts, job, (found) => spaceView(parts, found))
    : spaceView(parts, last)
}

/** `path`: a directory, by the last survey; null when there was none. `from`, `limit`: of its entries. */
async function inspectFolder(volume: Volume, args: Args, job: ScanOptions) {
  const parts = await volume.inspector.parts(job)
  const path = text(args, 'path')
  const { ino } = await resolvePath(volume.meta, rootContext(job.signal), path)
  const page = { from: count(args, 'from', 0), limit: count(args, 'limit', ENTRIES) }
  return spaceFolder(parts, ino, path, page) ?? null
}

async function inspectHealth(volume: Volume, _args: Args, job: ScanOptions) {
  const parts = await volume.inspector.parts(job)
  return withSurvey(parts, job, (found) => healthReport(parts, found, job))
}

/** What this client has cached; `from`, `limit`: of its files; the first `limit` folders. */
async function inspectCached(volume: Volume, args: Args, job: ScanOptions) {
  const page = { from: count(args, 'from', 0), limit: count(args, 'limit', ENTRIES) }
  return cachedView(await volume.inspector.parts(job), page, job)
}

/** What the last survey found; null when there was none. */
async function inspectLastSpace(volume: Volume, _args: Args, job: ScanOptions) {
  const parts = await volume.inspector.parts(job)
  const last = lastSurvey(parts.index.file)
  return last === undefined ? null : spaceView(parts, last)
}

/** What the last survey found amiss, in the files as they are now; null when there was none. */
async function inspectLastHealth(volume: Volume, _args: Args, job: ScanOptions) {
  const parts = await volume.inspector.parts(job)
  return (await withLastSurvey(parts, (found) => healthReport(parts, found, job))) ?? null
}

/** Keys of a class of objects that no file uses, by the last survey; null when there was none. `after`: a key. */
async function inspectUnused(volume: Volume, args: Args, job: ScanOptions) {
  const parts = await volume.inspector.parts(job)
  const kind = UNUSED_CLASSES.find((name) => name === args.kind)
  if (kind === undefined) throw fail(EINVAL, 'request', 'kind is missing')
  const page = {
    after: typeof args.after === 'string' ? args.after : undefined,
    limit: count(args, 'limit', ENTRIES),
  }
  return (await withLastSurvey(parts, (found) => unusedKeys(parts, found, kind, page))) ?? null
}

/** Objects by position, as the last survey listed them. */
async function inspectBucket(volume: Volume, args: Args, job: ScanOptions) {
  const list = await volume.inspector.objects(job)
  return list.page(sliceRange(args), count(args, 'from', 0), Math.min(count(args, 'limit', ENTRIES), 1000))
}

async function inspectFolders(volume: Volume, args: Args, job: ScanOptions) {
  const list = await volume.inspector.objects(job)
  return list.folders(sliceRange(args), Math.max(1, count(args, 'width', 1000)))
}

/** Bytes of a block past the caches; `offset`, `length`. */
async function inspectBlock(volume: Volume, args: Args, { signal }: ScanOptions): Promise<BlockPreview> {
  const key = text(args, 'key')
  const block = volume.geometry.parse(key)
  if (block === undefined) throw fail(EINVAL, 'inspect', `${key} names no block of this volume`)
  const bytes = await readStoredBlock(volume, block, signal)
  const offset = Math.min(count(args, 'offset', 0), bytes.length)
  const part = bytes.subarray(offset, offset + Math.min(count(args, 'length', PREVIEW), MOST_PREVIEW))
  return { key, size: bytes.length, offset, data: Buffer.from(part).toString('base64') }
}

function sliceRange(args: Args): SliceRange {
  return {
    firstSlice: count(args, 'firstSlice', 0),
    endSlice: count(args, 'endSlice', Number.MAX_SAFE_INTEGER),
  }
}

function text(args: Args, name: string): string {
  const value = args[name]
  if (typeof value !== 'string') throw fail(EINVAL, 'request', `${name} is missing`)
  return value
}

function count(args: Args, name: string, standard: number): number {
  const value = args[name]
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : standard
}
