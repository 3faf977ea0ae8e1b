/**
 * Backups of the metadata beside a mount: of all clients of a volume one makes the next when the last is old enough.
 * They agree through the xattr `lastBackup` of the root, whoever they are. A backup that failed gives the turn back,
 * for the next look of any client.
 *
 * Source: admin-tools.md §9.4, volume-and-objects.md §3.6.
 */
import { ROOT_INO } from '#core/base/ino.ts'
import type { Log } from '#core/base/log.ts'
import type { Random } from '#core/base/random.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import { type BackupOptions, type BackupParts, makeBackup, rotateBackups } from './backup.ts'

export const LAST_BACKUP = 'lastBackup'

export interface BackupJobParts extends BackupParts {
  readonly log: Log
  readonly random: Random
}

export interface BackupJobOptions extends BackupOptions {
  readonly intervalSec: number
}

/** What came of the last try of this client. */
export interface BackupOutcome {
  /** Unix seconds. */
  readonly at: number
  readonly name?: string
  readonly error?: string
}

/** Looks per interval. */
const LOOKS = 10
const JITTER = 0.05
/** With an interval of an hour or less volumes of more inodes are left alone. */
const MANY_INODES = 1_000_000
const SHORT_SEC = 3600

export class BackupJob {
  readonly #parts: BackupJobParts
  readonly #options: BackupJobOptions
  readonly #stopping = new AbortController()
  #loop: Promise<void> | undefined
  #outcome: BackupOutcome | undefined
  #toldTooMany = false

  constructor(parts: BackupJobParts, options: BackupJobOptions) {
    this.#parts = parts
    this.#options = options
  }

  get outcome(): BackupOutcome | undefined {
    return this.#outcome
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  /** A backup under way is given up. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#parts
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const jitter = 1 + (2 * random.next() - 1) * JITTER
      await clock.sleep((this.#options.intervalSec * 1000 * jitter) / LOOKS, signal).catch(() => {})
      if (!signal.aborted) await this.#look(signal)
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { engine, clock, log } = this.#parts
    const at = clock.nowSec()
    try {
      if (!(await this.#isSmall())) return
      const before = await claimTurn(engine, at, this.#options.intervalSec)
      if (before === undefined) return
      try {
        const backup = await makeBackup(this.#parts, this.#options, { signal, pace: nextTurn })
        this.#outcome = { at, name: backup.name }
        log.info('metadata backed up', { backup: backup.name, bytes: backup.size })
      } catch (error) {
        await giveBack(engine, at, before).catch(() => {}) // the turn comes again after the interval
        throw error
      }
      await this.#rotate(signal)
    } catch (error) {
      if (signal.aborted) return
      this.#outcome = { at, error: error instanceof Error ? error.message : String(error) }
      log.error('the metadata could not be backed up; trying again later', { error })
    }
  }

  async #rotate(signal: AbortSignal): Promise<void> {
    const removed = await rotateBackups(this.#parts, signal)
    if (removed.length > 0) this.#parts.log.info('old metadata backups removed', { count: removed.length })
  }

  async #isSmall(): Promise<boolean> {
    if (this.#options.intervalSec > SHORT_SEC) return true
    const [inodes] = await this.#parts.engine.read([{ kind: 'counter', name: 'totalInodes' }])
    if ((inodes ?? 0) <= MANY_INODES) return true
    if (!this.#toldTooMany)
      this.#parts.log.warn(
        'no metadata backup: the volume has more than 1,000,000 inodes; mount with --backup-meta of more than 1h',
      )
    this.#toldTooMany = true
    return false
  }
}

/** What the xattr was, when it is this client's turn, which it has then; undefined when it is not. */
async function claimTurn(
  engine: MetaEngine,
  nowSec: number,
  intervalSec: number,
): Promise<{ readonly value: Uint8Array | null } | undefined> {
  const key = { kind: 'xattr', ino: ROOT_INO, name: LAST_BACKUP } as const
  const [value] = await engine.read([key])
  const last = value === null ? undefined : timeOf(value)
  if (last !== undefined && nowSec - last < intervalSec) return undefined
  const outcome = await engine.commit(
    'backup',
    [{ kind: 'recordIs', key, is: value }],
    [{ kind: 'putXattr', ino: ROOT_INO, name: LAST_BACKUP, value: textOf(nowSec) }],
  )
  return outcome.ok ? { value } : undefined
}

/** As if it had never been this client's turn, unless another has taken one since. */
async function giveBack(
  engine: MetaEngine,
  nowSec: number,
  { value }: { readonly value: Uint8Array | null },
): Promise<void> {
  const place = { ino: ROOT_INO, name: LAST_BACKUP } as const
  await engine.commit(
    'backup',
    [{ kind: 'recordIs', key: { kind: 'xattr', ...place }, is: textOf(nowSec) }],
    [value === null ? { kind: 'delXattr', ...place } : { kind: 'putXattr', ...place, value }],
  )
}

/** When the last backup was begun; undefined when none ever was, or nobody can tell. */
export async function lastBackup(engine: MetaEngine): Promise<number | undefined> {
  const [value] = await engine.read([{ kind: 'xattr', ino: ROOT_INO, name: LAST_BACKUP }])
  return value === null ? undefined : timeOf(value)
}

/** RFC 3339 with whole seconds. */
function textOf(sec: number): Uint8Array {
  return Buffer.from(new Date(sec * 1000).toISOString().replace(/\.\d+Z$/, 'Z'))
}

function timeOf(value: Uint8Array): number | undefined {
  const ms = Date.parse(Buffer.from(value).toString())
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000)
}

/** Work beside a mount gives way to requests. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
