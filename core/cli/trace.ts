import { BackendError } from '#core/base/errno.ts'
import { Refusal } from '#core/base/refusal.ts'
import type { LateRequest, ShownOperation, TraceBatch, TraceFilter } from '#core/base/shown-trace.ts'
import type { RequestTrace } from '#core/base/trace.ts'
import { formatSize } from '#core/base/units.ts'
import { findProcess, mountedPath } from '#core/volume/control-client.ts'
import { defineCommand } from './command.ts'

const OPTIONS = {
  pid: { kind: 'number', min: 0, help: 'only operations of this process' },
  op: { kind: 'list', value: 'NAME', help: 'only these operations: read, write, lookup, …' },
  slower: { kind: 'duration', help: 'only what took at least so long: 20ms' },
  count: { kind: 'number', min: 1, help: 'end after so many operations' },
} as const

export const trace = defineCommand({
  name: 'trace',
  operands: 'PATH',
  arity: [1, 1],
  summary: 'Show the operations of a mount as they happen, and the blocks that each one waited for.',
  description:
    'PATH is a mount point, or a file or directory in one to show only what happens there. Below an operation stand ' +
    'the requests that it made: from the disk cache, from the object store, joined to a fetch that was under way, or ' +
    'uploads; those that end later than their operation come by themselves. With --json, one object a line. ' +
    'Ctrl-C ends it.',
  options: OPTIONS,
  examples: [
    'pomelo trace ~/team',
    'pomelo trace ~/team/project --slower 20ms',
    'pomelo trace ~/team --op read --op write --json',
  ],
  async run({ options, operands, out, signal }) {
    const found = await mountedPath(operands[0]!)
    const process = found && (await findProcess(found.mount.path))
    if (found === undefined || process === undefined)
      throw new Refusal(
        `${operands[0]} is not in a mount of yours that pomelo serves`,
        'mount the volume, and name a path below the mount point',
      )
    const filter: TraceFilter = {
      pid: options.pid,
      ops: options.op.length === 0 ? undefined : options.op,
      path: found.path === '/' ? undefined : found.path,
      slowerMs: options.slower && options.slower * 1000,
    }
    const enough = new AbortController()
    let left = options.count ?? Number.POSITIVE_INFINITY
    const onProgress = (value: unknown): void => {
      const { operations, late, dropped } = value as TraceBatch
      for (const operation of operations) {
        if (left-- <= 0) break
        if (out.json) out.print(JSON.stringify(operation))
        else for (const line of operationLines(operation)) out.print(line)
      }
      if (left <= 0) enough.abort()
      for (const request of late) out.print(out.json ? JSON.stringify({ late: request }) : lateLine(request))
      if (dropped > 0) out.warn(`${dropped} operations came too fast to be shown: narrow the filter`)
    }
    try {
      await process.call(
        'trace',
        { ...filter },
        { signal: AbortSignal.any([signal, enough.signal]), onProgress },
      )
    } catch (error) {
      if (signal.aborted || enough.signal.aborted) return 0
      if (error instanceof BackendError && error.kind === 'unavailable')
        throw new Refusal('the volume was unmounted', undefined, { cause: error })
      throw error
    }
    return 0
  },
})

function operationLines(operation: ShownOperation): readonly string[] {
  const { atMs, program, pid, op, path, inode, to, offset, bytes, ms, error, requests } = operation
  const range = offset === undefined ? '' : ` at ${offset}`
  const size = bytes === undefined ? '' : ` ${formatSize(bytes)}${range}`
  const place = `${path ?? `inode ${inode}`}${to === undefined ? '' : ` → ${to}`}`
  const result = error === null ? '' : ` ${error}`
  const head = `${timeText(atMs)} ${program ?? '?'}[${pid}] ${op} ${place}${size}${result} ${msText(ms)}`
  return [head, ...requests.map((request) => `    ${requestText(request)}`)]
}

function lateLine({ cause, ...request }: LateRequest): string {
  const of = cause === null ? 'in the background' : `for ${cause.op} of inode ${cause.inode}`
  return `    ${requestText(request)} ${of}`
}

function requestText({ by, key, bytes, ms, failed }: RequestTrace): string {
  return `${by.padEnd(7)} ${key} ${formatSize(bytes)} ${msText(ms)}${failed === undefined ? '' : ` failed: ${failed}`}`
}

function msText(ms: number): string {
  return ms < 10 ? `${ms.toFixed(2)} ms` : `${ms.toFixed(1)} ms`
}

function timeText(atMs: number): string {
  const at = new Date(atMs)
  const two = (n: number): string => String(n).padStart(2, '0')
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`
}
