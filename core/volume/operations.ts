/**
 * Work on paths of an opened volume, by name and with plain data: the same for a tool that opened the volume
 * itself and for one that asks the process of a mount through its control socket.
 */
import { basename } from 'node:path/posix'
import { compactTree } from '#core/admin/compact.ts'
import { type InfoOptions, pathInfo } from '#core/admin/info.ts'
import { resolveParent, resolvePath } from '#core/admin/paths.ts'
import {
  checkQuotas,
  deleteQuota,
  getQuota,
  listQuotas,
  type QuotaTarget,
  type SetQuota,
  setQuota,
} from '#core/admin/quota.ts'
import { type WarmupAction, warmup } from '#core/admin/warmup.ts'
import { rootContext } from '#core/base/context.ts'
import { EEXIST, EINVAL, fail } from '#core/base/errno.ts'
import { inoFromBigInt, inoText } from '#core/base/ino.ts'
import { nameToText } from '#core/base/name.ts'
import { type Args, paths, text } from './arguments.ts'
import { CARE_OPERATIONS } from './care-operations.ts'
import { DEDUP_OPERATIONS } from './dedup-operations.ts'
import { FILE_OPERATIONS } from './file-operations.ts'
import { INSPECT_OPERATIONS } from './inspect-operations.ts'
import { traceLive } from './live-trace.ts'
import { isInside } from './mount-table.ts'
import type { Volume } from './open-volume.ts'

export interface OperationJob {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: unknown) => void
}

/** Run the operation called `op`. Errors: EINVAL for an unknown one; else its own. */
export function runOperation(volume: Volume, op: string, args: Args, job: OperationJob): Promise<unknown> {
  switch (op) {
    case 'info':
      return info(volume, args, job)
    case 'clone':
      return clone(volume, args, job)
    case 'rmr':
      return rmr(volume, args, job)
    case 'warmup':
      return warm(volume, args, job)
    case 'compact':
      return compact(volume, args, job)
    case 'quotaSet':
      return quotas(volume, setQuota(volume, target(args), limits(args), job))
    case 'quotaGet':
      return getQuota(volume, target(args))
    case 'quotaList':
      return listQuotas(volume, job.signal)
    case 'quotaDelete':
      return quotas(volume, deleteQuota(volume, target(args)))
    case 'quotaCheck':
      return quotas(volume, checkQuotas(volume, maybeTarget(args), args.repair === true, job))
    case 'setLimits':
      return volume.setLimits(Number(args.uploadLimit ?? 0), Number(args.downloadLimit ?? 0))
    case 'inspectEnd':
      return volume.inspector.rest()
    case 'trace':
      return traceLive(volume, args, job)
    default:
      return other(volume, op, args, job)
  }
}

function other(volume: Volume, op: string, args: Args, job: OperationJob): Promise<unknown> {
  const table = [FILE_OPERATIONS, CARE_OPERATIONS, INSPECT_OPERATIONS, DEDUP_OPERATIONS].find((each) =>
    Object.hasOwn(each, op),
  )
  const operation = table?.[op]
  if (operation === undefined) throw fail(EINVAL, op, 'the volume process does not know this request')
  const { link } = volume.inspector
  if ((table === INSPECT_OPERATIONS || table === DEDUP_OPERATIONS) && link !== undefined)
    return link.ask(op, args, job)
  return operation(volume, args, job)
}

async function info(volume: Volume, args: Args, job: OperationJob) {
  const options: InfoOptions = {
    recursive: args.recursive === true,
    strict: args.strict === true,
    raw: args.raw === true,
  }
  if (typeof args.inode === 'string') return pathInfo(volume, inoFromBigInt(BigInt(args.inode)), options, job)
  const { ino } = await resolvePath(volume.meta, rootContext(job.signal), text(args, 'path'), {
    follow: false,
  })
  return pathInfo(volume, ino, options, job)
}

/** A target that ends in a slash is a directory to copy into. */
async function clone(volume: Volume, args: Args, { signal, onProgress }: OperationJob) {
  const ctx = rootContext(signal)
  const from = text(args, 'path')
  const written = text(args, 'to')
  const to = written.endsWith('/') ? `${written}${basename(from)}` : written
  if (isInside(to, from)) throw fail(EINVAL, 'clone', `${to} lies inside of ${from}`)
  const source = await resolvePath(volume.meta, ctx, from, { follow: false })
  const { parent, name } = await resolveParent(volume.meta, ctx, to)
  if ((await volume.meta.lookup(ctx, parent, name)) !== undefined) throw fail(EEXIST, 'clone', to)
  const made = await volume.meta.clone(ctx, source.ino, parent, name, {
    preserve: args.preserve === true,
    signal,
    onProgress: (done) => onProgress?.({ done }),
  })
  return { inode: inoText(made.ino), path: to }
}

async function rmr(volume: Volume, args: Args, { signal, onProgress }: OperationJob) {
  const ctx = rootContext(signal)
  const path = text(args, 'path')
  const { parent, name } = await resolveParent(volume.meta, ctx, path)
  const removed = await volume.meta.removeTree(ctx, parent, name, {
    skipTrash: args.skipTrash === true,
    signal,
    onProgress: (done) => onProgress?.({ done }),
  })
  volume.vfs.entryGone(parent, name)
  return { removed, name: nameToText(name) }
}

async function warm(volume: Volume, args: Args, job: OperationJob) {
  const action = ['warmup', 'evict', 'check'].find((each) => each === args.action) as WarmupAction | undefined
  if (action === 'evict') await volume.pins.know({ signal: job.signal })
  return warmup(volume, paths(args), { action: action ?? 'warmup', threads: count(args, 'threads', 50) }, job)
}

function compact(volume: Volume, args: Args, job: OperationJob) {
  const compactChunk = (ino: number, index: number) => volume.vfs.compactChunk(ino, index, job.signal)
  return compactTree(volume, paths(args), { compactChunk, threads: count(args, 'threads', 10) }, job)
}

/** After a change of quotas: this process counts by the new ones at once, others from their next heartbeat. */
async function quotas<T>(volume: Volume, change: Promise<T>): Promise<T> {
  const result = await change
  await volume.state.accounts.reload()
  return result
}

function target(args: Args): QuotaTarget {
  const found = maybeTarget(args)
  if (found === undefined) throw fail(EINVAL, 'request', 'the target is missing')
  return found
}

function maybeTarget({ target }: Args): QuotaTarget | undefined {
  const { kind, path, id } = (target ?? {}) as Record<string, unknown>
  if (kind === 'dir' && typeof path === 'string') return { kind, path }
  if ((kind === 'user' || kind === 'group') && typeof id === 'number') return { kind, id }
  return undefined
}

function limits({ maxSpace, maxInodes, create, strict }: Args): SetQuota {
  return {
    maxSpace: typeof maxSpace === 'number' ? maxSpace : undefined,
    maxInodes: typeof maxInodes === 'number' ? maxInodes : undefined,
    create: create === true,
    strict: strict === true,
  }
}

function count(args: Args, name: string, standard: number): number {
  const value = args[name]
  return typeof value === 'number' && value >= 1 ? Math.min(Math.floor(value), 1000) : standard
}
