/**
 * One kernel request in flight: the OpContext that the file system sees, what its answer needs to know, and the
 * functions that take the answer. Pooled, so that a request allocates nothing: a context is good until the promise
 * of its operation has settled, and must not be kept longer.
 */
import { readFileSync } from 'node:fs'
import type { OpContext } from '#core/base/context.ts'
import { EINTR, fail } from '#core/base/errno.ts'
import type { Name } from '#core/base/name.ts'
import { OP_NAMES } from './abi.ts'
import type { Answers } from './answer.ts'
import type { DirBuffer } from './encode.ts'
import type {
  AttrReply,
  EntryReply,
  FileLock,
  IoctlReply,
  OpenReply,
  ReadReply,
  StatfsReply,
} from './filesystem.ts'

export class Request implements OpContext {
  /** Place in the pool; what the pump calls the request. */
  readonly slot: number
  uid = 0
  gid = 0
  pid = 0
  umask = 0
  checkPermission = false
  interrupted = false

  opcode = 0
  unique = 0
  uniqueLo = 0
  uniqueHi = 0
  ino = 0
  startedMs = 0
  /** The kernel has its answer already; whatever still comes is put away. */
  answered = false
  /** READ, and what others ask for in bytes. */
  size = 0
  fh = 0
  offset = 0
  retried = false
  file: (ReadReply & { kind: 'file' }) | undefined
  sink: DirBuffer | undefined
  #abort: AbortController | undefined

  readonly onEmpty: () => void
  readonly onEntry: (entry: EntryReply | undefined) => void
  readonly onAttr: (reply: AttrReply) => void
  readonly onOpen: (reply: OpenReply) => void
  readonly onCreate: (reply: { readonly entry: EntryReply; readonly open: OpenReply }) => void
  readonly onRead: (reply: ReadReply) => void
  readonly onCount: (count: number) => void
  readonly onOffset: (offset: number) => void
  readonly onBytes: (bytes: Uint8Array) => void
  readonly onXattr: (value: Uint8Array) => void
  readonly onNames: (names: readonly Name[]) => void
  readonly onDir: () => void
  readonly onStatfs: (reply: StatfsReply) => void
  readonly onLock: (lock: FileLock) => void
  readonly onIoctl: (reply: IoctlReply) => void
  readonly onError: (error: unknown) => void

  constructor(slot: number, answers: Answers) {
    this.slot = slot
    // An answer that cannot be encoded must still become an answer.
    const to = <T>(answer: (r: Request, value: T) => void) => {
      return (value: T): void => {
        try {
          answer.call(answers, this, value)
        } catch (error) {
          answers.error(this, error)
        }
      }
    }
    this.onEmpty = to<void>(answers.empty)
    this.onEntry = to(answers.entry)
    this.onAttr = to(answers.attr)
    this.onOpen = to(answers.open)
    this.onCreate = to(answers.create)
    this.onRead = to(answers.read)
    this.onCount = to(answers.count)
    this.onOffset = to(answers.offset)
    this.onBytes = to(answers.bytes)
    this.onXattr = to(answers.xattr)
    this.onNames = to(answers.names)
    this.onDir = to<void>(answers.dir)
    this.onStatfs = to(answers.statfs)
    this.onLock = to(answers.lock)
    this.onIoctl = to(answers.ioctl)
    this.onError = (error) => answers.error(this, error)
  }

  get op(): string {
    return OP_NAMES[this.opcode] ?? `opcode ${this.opcode}`
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      if (this.interrupted) this.#abort.abort(fail(EINTR, this.op))
    }
    return this.#abort.signal
  }

  /** Of the calling task, asked when needed; only the primary group when it is gone. */
  get groups(): readonly number[] {
    const line = taskStatus(this.pid, 'Groups')
    return [
      ...new Set([this.gid, ...(line === undefined ? [] : line.split(' ').filter(Boolean).map(Number))]),
    ]
  }

  interrupt(): void {
    if (this.interrupted) return
    this.interrupted = true
    this.#abort?.abort(fail(EINTR, this.op))
  }

  /** Before the context serves its next request. */
  reset(): void {
    this.interrupted = false
    this.answered = false
    this.retried = false
    this.umask = 0
    this.size = 0
    this.file = undefined
    this.#abort = undefined
  }
}

/**
 * True when SIGKILL, or a signal that kills by default, waits for the task: the kernel marks both as signal 9.
 * Source: kernel/signal.c complete_signal; proc(5) SigPnd, ShdPnd.
 */
export function isBeingKilled(pid: number): boolean {
  const SIGKILL_BIT = 1n << 8n
  return ['SigPnd', 'ShdPnd'].some((field) => {
    const mask = taskStatus(pid, field)
    return mask !== undefined && (BigInt(`0x${mask}`) & SIGKILL_BIT) !== 0n
  })
}

/** One field of /proc/<pid>/status, which never waits for the task's memory or files. */
function taskStatus(pid: number, field: string): string | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    return new RegExp(`^${field}:\\s*(.*?)\\s*$`, 'm').exec(status)?.[1]
  } catch {
    return undefined // the task is gone, or lives in a PID namespace that we do not see
  }
}
