/** Questions to the inspector, by name and with plain data. */
import { resolvePath } from '#core/admin/paths.ts'
import { rootContext } from '#core/base/context.ts'
import { EINVAL, fail } from '#core/base/errno.ts'
import { inoFromBigInt } from '#core/base/ino.ts'
import type { InspectProgress } from '#core/inspect/answers.ts'
import { fileMap } from '#core/inspect/file-map.ts'
import { objectAnswer } from '#core/inspect/object-answer.ts'
import type { Volume } from './open-volume.ts'

type Args = Readonly<Record<string, unknown>>
interface InspectJob {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: InspectProgress) => void
}
type Operation = (volume: Volume, args: Args, job: InspectJob) => Promise<unknown>

export const INSPECT_OPERATIONS: Readonly<Record<string, Operation>> = {
  inspectStatus: async ({ inspector }) => inspector.index.status(),
  inspectObject,
  inspectFile,
}

const CHUNKS = 16

/** `key`: as in the bucket, with or without the volume's name before it. */
async function inspectObject(volume: Volume, args: Args, job: InspectJob) {
  const written = text(args, 'key').replace(/^\/+/, '')
  const prefix = `${volume.setting.Name}/`
  const key = written.startsWith(prefix) ? written.slice(prefix.length) : written
  return objectAnswer(await volume.inspector.parts(job), key, job.signal)
}

/** `path`, or `inode` in decimal; `from` a chunk, `limit` chunks, `probe`: ask the store for each block. */
async function inspectFile(volume: Volume, args: Args, job: InspectJob) {
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

function text(args: Args, name: string): string {
  const value = args[name]
  if (typeof value !== 'string') throw fail(EINVAL, 'request', `${name} is missing`)
  return value
}

function count(args: Args, name: string, standard: number): number {
  const value = args[name]
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : standard
}
