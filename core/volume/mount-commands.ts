/**
 * What the reference's tools ask a mount for through `.control`, done by what our own tools use.
 * Source: shared/spec/vfs-and-fuse.md §6.2, §6.3.
 */
import { join } from 'node:path'
import { compactTree } from '#core/admin/compact.ts'
import { type PathInfo, pathInfo } from '#core/admin/info.ts'
import type { Job } from '#core/admin/parts.ts'
import { summaryTree, type TreeNode } from '#core/admin/summary-tree.ts'
import { type WarmupResult, warmup } from '#core/admin/warmup.ts'
import { EEXIST, EINVAL, ENOENT, fail } from '#core/base/errno.ts'
import { type Ino, inoFromBigInt, inoText } from '#core/base/ino.ts'
import type { TaskSet } from '#core/base/tasks.ts'
import type { ControlAnswer, ControlBody, ControlCommand, ControlJob } from '#core/vfs/vfs.ts'
import type { Volume } from './open-volume.ts'

const RMR = 1002
const LEGACY_INFO = 1003
const FILL_CACHE = 1004
const INFO = 1005
const CLONE = 1006
const SUMMARY = 1007
const COMPACT = 1008

const DONE: ControlAnswer = { kind: 'done' }
const MODE_OVERWRITE = 1
const MODE_PRESERVE = 2

interface Around {
  readonly volume: Volume
  readonly tasks: TaskSet
  /** Roots of the disk cache. */
  readonly cacheDirs: readonly string[]
}

export function mountCommands(around: Around): ReadonlyMap<number, ControlCommand> {
  const { volume } = around
  return new Map<number, ControlCommand>([
    [RMR, (body, job) => removeTree(volume, body, job)],
    [
      LEGACY_INFO,
      async (body, job) => ({ kind: 'text', text: legacyText(await infoOf(volume, body, job, true)) }),
    ],
    [INFO, async (body, job) => json(infoJson(volume, await infoOf(volume, body, job, false)))],
    [CLONE, (body, job) => clone(volume, body, job)],
    [SUMMARY, (body, job) => summary(volume, body, job)],
    [COMPACT, (body, job) => compact(volume, body, job)],
    [FILL_CACHE, (body, job) => fillCache(around, body, job)],
  ])
}

function json(value: unknown): ControlAnswer {
  return { kind: 'json', text: JSON.stringify(value) }
}

/** A 64-bit number, exact in JSON whatever its size. */
function exact(decimal: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(decimal)
}

async function removeTree({ meta, vfs }: Volume, body: ControlBody, { ctx, progress }: ControlJob) {
  const parent = body.ino()
  const name = body.name()
  const skipTrash = (body.u8(0) & 1) !== 0
  const onProgress = (removed: number): void => progress(removed, 0)
  await meta.removeTree(ctx, parent, name, { skipTrash, signal: ctx.signal, onProgress })
  vfs.entryGone(parent, name)
  return DONE
}

async function clone({ meta }: Volume, body: ControlBody, { ctx, progress }: ControlJob) {
  const from = body.ino()
  body.ino() // the source's parent
  const toParent = body.ino()
  const name = body.name()
  const umask = body.u16()
  const mode = body.u8()
  if ((mode & MODE_OVERWRITE) !== 0 && (await meta.lookup(ctx, toParent, name)) !== undefined) {
    throw fail(EEXIST, 'clone')
  }
  const { files, dirs } = await meta.summary(ctx, from, { recursive: true, strict: false })
  progress(0, files + dirs)
  await meta.clone({ ...ctx, umask, interrupted: false }, from, toParent, name, {
    preserve: (mode & MODE_PRESERVE) !== 0,
    signal: ctx.signal,
    onProgress: (done) => progress(done, Math.max(done, files + dirs)),
  })
  return DONE
}

async function summary(volume: Volume, body: ControlBody, { ctx, progress }: ControlJob) {
  const ino = body.ino()
  const depth = body.u8(3)
  const top = body.u8(10)
  const strict = body.u8(0) !== 0
  const job = {
    signal: ctx.signal,
    onProgress: ({ files, size }: { files: number; size: number }) => progress(files, size),
  }
  const tree = await summaryTree(volume, ino, { depth, top, strict }, job)
  return json({ Errno: 0, Tree: treeJson(tree) })
}

function treeJson({ ino, path, type, size, files, dirs, children }: TreeNode): unknown {
  return {
    Inode: exact(inoText(ino)),
    Path: path,
    Type: type,
    Size: size,
    Files: files,
    Dirs: dirs,
    ...(children === undefined || children.length === 0 ? {} : { Children: children.map(treeJson) }),
  }
}

async function compact(volume: Volume, body: ControlBody, { ctx, progress }: ControlJob) {
  const path = await pathOf(volume, body.ino())
  const threads = Math.max(1, body.u16(10))
  const job = {
    signal: ctx.signal,
    onProgress: ({ chunks, compacted }: { chunks: number; compacted: number }) => progress(chunks, compacted),
  }
  const compactChunk = (ino: Ino, index: number) => volume.vfs.compactChunk(ino, index, ctx.signal)
  await compactTree(volume, [path], { compactChunk, threads }, job)
  return DONE
}

async function pathOf({ meta }: Volume, ino: Ino): Promise<string> {
  const [path] = await meta.paths(ino)
  if (path === undefined) throw fail(ENOENT, 'control', `inode ${inoText(ino)} has no path`)
  return path
}

async function infoOf(volume: Volume, body: ControlBody, { ctx, progress }: ControlJob, legacy: boolean) {
  const ino = body.ino()
  const recursive = body.u8(1) !== 0
  const raw = body.u8(0) !== 0
  const strict = legacy || body.u8(0) !== 0
  const info = await pathInfo(volume, ino, { recursive, raw, strict }, { signal: ctx.signal })
  if (!legacy) progress(info.summary.files + info.summary.dirs, info.summary.space)
  return info
}

function infoJson({ setting }: Volume, info: PathInfo): unknown {
  const { length, space, files, dirs } = info.summary
  const prefix = `${setting.Name}/`
  return {
    Ino: exact(info.inode),
    Failed: false,
    Reason: '',
    Summary: { Length: length, Size: space, Files: files, Dirs: dirs },
    Paths: info.paths,
    Chunks:
      info.chunks?.map((each) => ({
        ChunkIndex: each.chunk,
        Id: each.slice,
        Size: each.size,
        Off: each.offset,
        Len: each.length,
      })) ?? null,
    Objects:
      info.objects?.map((each) => ({
        ChunkIndex: each.chunk,
        Key: each.key === '' ? '' : `${prefix}${each.key}`,
        Size: each.size,
        Off: each.offset,
        Len: each.length,
      })) ?? null,
    PLocks: info.plocks.map((lock) => ({
      Sid: lock.sid,
      Owner: exact(lock.owner),
      Type: lock.type,
      Pid: lock.pid,
      Start: exact(lock.start),
      End: exact(lock.end),
    })),
    FLocks: info.flocks.map(({ sid, owner, type }) => ({ Sid: sid, Owner: exact(owner), Type: type })),
    Tier: { ID: 0, StorageClass: setting.StorageClass ?? '', Tag: '' },
    RestoreStatus: '',
  }
}

function legacyText(info: PathInfo): string {
  const { length, space, files, dirs } = info.summary
  const rows = [
    ` inode: ${info.inode}`,
    ` files: ${files}`,
    `  dirs: ${dirs}`,
    `length: ${length} Bytes`,
    `  size: ${space} Bytes`,
    ...(info.paths.length === 1
      ? [`  path: ${info.paths[0]}`]
      : [' paths:', ...info.paths.map((path) => `\t${path}`)]),
  ]
  if (info.chunks !== undefined) {
    const data = info.chunks.map((each) => [each.chunk, each.slice, each.size, each.offset, each.length])
    rows.push('chunks:', ...data.map((row) => `\t${row.join('\t')}`))
  }
  if (info.objects !== undefined) {
    const data = info.objects.map((each) => [each.chunk, each.key, each.size, each.offset, each.length])
    rows.push('objects:', ...data.map((row) => `\t${row.join('\t')}`))
  }
  return `${rows.join('\n')}\n`
}

const ACTIONS = ['warmup', 'evict', 'check'] as const

async function fillCache(
  { volume, tasks, cacheDirs }: Around,
  body: ControlBody,
  { ctx, progress }: ControlJob,
) {
  const asked = body.bytes(body.u32()).toString('utf8').split('\n').filter(Boolean)
  const threads = Math.max(1, body.u16(50))
  const background = body.u8(0) !== 0
  const action = ACTIONS[body.u8(0)]
  if (action === undefined) throw fail(EINVAL, 'control', 'no such action')
  const paths: string[] = []
  for (const path of asked) paths.push(await named(volume, path))
  const run = (job: Job<WarmupResult>) => warmup(volume, paths, { action, threads }, job)
  if (background) {
    // The volume's own: it goes on when the tool has closed the file.
    tasks.start('warm-up', async () => void (await run({})))
    return json(cacheJson(undefined, volume, cacheDirs))
  }
  const onProgress = ({ files, bytes }: WarmupResult): void => progress(files, bytes)
  return json(cacheJson(await run({ signal: ctx.signal, onProgress }), volume, cacheDirs))
}

/** `inode:<number>` as a path. */
async function named(volume: Volume, path: string): Promise<string> {
  const match = /^inode:(\d+)$/.exec(path)
  return match === null ? path : pathOf(volume, inoFromBigInt(BigInt(match[1]!)))
}

function cacheJson(result: WarmupResult | undefined, { setting }: Volume, cacheDirs: readonly string[]) {
  const { disk = 0, staging = 0, memory = 0, store = 0, missing = 0 } = result?.places ?? {}
  const cached = disk + staging
  // Which directory holds a block is not told; with one there is no question.
  const locations =
    cached > 0 && cacheDirs.length > 0 ? { [`${join(cacheDirs[0]!, setting.UUID)}/`]: cached } : {}
  return {
    FileCount: result?.files ?? 0,
    SliceCount: result?.slices ?? 0,
    TotalBytes: result?.bytes ?? 0,
    MissBytes: store + missing,
    Locations: memory > 0 ? { ...locations, memory } : locations,
  }
}
