/** Looking into the trash and taking things out of it. Source: shared/spec/admin-tools.md §10.4, meta-records.md §16. */
import { rootContext } from '#core/base/context.ts'
import { EEXIST, FsError } from '#core/base/errno.ts'
import { type Ino, inoFromBigInt, inoText, TRASH_INO } from '#core/base/ino.ts'
import { type Name, nameToText } from '#core/base/name.ts'
import { Refusal } from '#core/base/refusal.ts'
import { type DirItem, RENAME_NOREPLACE, RENAME_RESTORE } from '#core/meta/api.ts'
import { TYPE_DIRECTORY } from '#core/meta/records.ts'
import { forEachParallel } from './pages.ts'
import type { AdminParts, Job } from './parts.ts'
import { entriesOf } from './walk.ts'

export interface TrashEntry {
  /** `YYYY-MM-DD-HH`, UTC. */
  readonly hour: string
  readonly hourIno: Ino
  /** Of the entry in its hour. */
  readonly entry: Name
  readonly ino: Ino
  /** Where it was: inode of the directory, and its name there. */
  readonly parent: Ino
  readonly name: Name
  readonly directory: boolean
  readonly length: number
}

export interface RestoreResult {
  readonly restored: number
  /** Left because their directory is not among the removed ones (only with `inTrash`). */
  readonly left: number
  /** Something else has the name now. */
  readonly conflicts: number
  readonly failures: readonly string[]
}

export interface RestoreOptions {
  /** Only rebuild removed trees inside the trash, put nothing back. */
  readonly inTrash: boolean
  readonly threads: number
  readonly matches?: (entry: TrashEntry) => boolean
}

const FAILURES_KEPT = 100

/** Hours with something in them, oldest first. */
export async function trashHours({ meta }: AdminParts, signal?: AbortSignal): Promise<readonly DirItem[]> {
  const hours: DirItem[] = []
  for await (const item of entriesOf(meta, rootContext(signal), TRASH_INO, signal)) hours.push(item)
  return hours
}

/** What was removed in one hour. */
export async function* trashEntries(
  { meta }: AdminParts,
  hour: DirItem,
  signal?: AbortSignal,
): AsyncGenerator<TrashEntry> {
  for await (const item of entriesOf(meta, rootContext(signal), hour.ino, signal)) {
    const entry = parseEntry(hour, item)
    if (entry !== undefined) yield entry
  }
}

/** `parent-inode-name`; undefined for a name of another form. */
function parseEntry(hour: DirItem, { name, ino, node, type }: DirItem): TrashEntry | undefined {
  const match = /^(\d+)-(\d+)-(.+)$/s.exec(name)
  if (match === null) return undefined
  return {
    hour: nameToText(hour.name),
    hourIno: hour.ino,
    entry: name,
    ino,
    parent: inoFromBigInt(BigInt(match[1]!)),
    name: match[3]!,
    directory: type === TYPE_DIRECTORY,
    length: node?.length ?? 0,
  }
}

/** Put back what was removed in `hours` (`YYYY-MM-DD-HH`, UTC), each thing into the directory it was in. */
export async function restoreTrash(
  parts: AdminParts,
  hours: readonly string[],
  options: RestoreOptions,
  job: Job<RestoreResult>,
): Promise<RestoreResult> {
  const known = await trashHours(parts, job.signal)
  const sum = { restored: 0, left: 0, conflicts: 0, failures: [] as string[] }
  for (const text of hours) {
    const hour = known.find(({ name }) => nameToText(name) === text)
    if (hour === undefined)
      throw new Refusal(
        `the trash has nothing from ${text}`,
        'pomelo trash list META-URL shows what there is',
      )
    await restoreHour(parts, hour, options, sum, job)
  }
  return sum
}

interface Sum {
  restored: number
  left: number
  conflicts: number
  failures: string[]
}

async function restoreHour(
  parts: AdminParts,
  hour: DirItem,
  options: RestoreOptions,
  sum: Sum,
  job: Job<RestoreResult>,
) {
  // Entries leave the directory while it is being read: take the list first.
  const entries: TrashEntry[] = []
  const directories = new Set<Ino>()
  for await (const entry of trashEntries(parts, hour, job.signal)) {
    if (entry.directory) directories.add(entry.ino)
    if (options.matches?.(entry) ?? true) entries.push(entry)
  }
  await forEachParallel(entries, options.threads, async (entry) => {
    if (options.inTrash && !directories.has(entry.parent)) sum.left++
    else await restoreOne(parts, entry, sum, job.signal)
    job.onProgress?.(sum)
  })
}

async function restoreOne(
  { meta }: AdminParts,
  entry: TrashEntry,
  sum: Sum,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { hourIno, entry: from, parent, name } = entry
  try {
    signal?.throwIfAborted()
    await meta.rename(rootContext(signal), hourIno, from, parent, name, RENAME_NOREPLACE | RENAME_RESTORE)
    sum.restored++
  } catch (error) {
    if (!(error instanceof FsError)) throw error
    if (error.errno === EEXIST) sum.conflicts++
    else if (sum.failures.length < FAILURES_KEPT) {
      sum.failures.push(`${nameToText(name)} into inode ${inoText(parent)}: ${error.code}`)
    }
  }
}
