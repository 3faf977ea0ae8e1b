/** Work on the files of an opened volume, by name and with plain data: what a file browser needs. */

import { pathInfo } from '#core/admin/info.ts'
import { restoreTrash, type TrashEntry, trashEntries, trashHours } from '#core/admin/trash.ts'
import { warmup } from '#core/admin/warmup.ts'
import { rootContext } from '#core/base/context.ts'
import { EEXIST, EINVAL, ENOENT, FsError, fail } from '#core/base/errno.ts'
import { exactText, nameFromExact } from '#core/base/exact-names.ts'
import { type Ino, inoText } from '#core/base/ino.ts'
import { type Name, nameToText } from '#core/base/name.ts'
import { O_RDONLY } from '#core/base/open-flags.ts'
import { RENAME_NOREPLACE } from '#core/meta/api.ts'
import { TYPE_DIRECTORY, TYPE_FILE } from '#core/meta/records.ts'
import { Archives } from './archive.ts'
import { type Args, number, paths, text } from './arguments.ts'
import { chmod, chown, removeXattr, setAcl, setXattr, stat } from './file-properties.ts'
import { type ShownEntry, typeName } from './file-view.ts'
import { bytesOf } from './files.ts'
import { Listings } from './listings.ts'
import { cleanPath, entryAt, parentOf, place } from './named-places.ts'
import type { Volume } from './open-volume.ts'
import { Uploads } from './uploads.ts'

interface Job {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: unknown) => void
}

/** What is kept between requests, one of each for a volume. */
interface Kept {
  readonly listings: Listings
  readonly uploads: Uploads
  readonly archives: Archives
}
const open = new WeakMap<Volume, Kept>()

function keptFor(volume: Volume): Kept {
  const known = open.get(volume)
  if (known !== undefined) return known
  const kept = {
    listings: new Listings(volume),
    uploads: new Uploads(volume),
    archives: new Archives(volume),
  }
  open.set(volume, kept)
  return kept
}

type Operation = (volume: Volume, args: Args, job: Job) => Promise<unknown>

export const FILE_OPERATIONS: Readonly<Record<string, Operation>> = {
  list,
  stat,
  blocks,
  mkdir,
  rename,
  remove,
  chmod,
  chown,
  setXattr,
  removeXattr,
  setAcl,
  readAt,
  archiveBegin,
  archiveNext,
  archiveKeep: async (volume, args) => keptFor(volume).archives.keep(text(args, 'key')),
  archiveEnd: async (volume, args) => keptFor(volume).archives.end(text(args, 'key')),
  putBegin,
  putPiece: async (volume, args) =>
    keptFor(volume).uploads.add(text(args, 'key'), Buffer.from(text(args, 'data'), 'base64')),
  putKeep: async (volume, args) => keptFor(volume).uploads.keep(text(args, 'key')),
  putEnd: async (volume, args) => keptFor(volume).uploads.end(text(args, 'key')),
  putAbort: async (volume, args) => keptFor(volume).uploads.abort(text(args, 'key')),
  trashHours: hours,
  trashList,
  restoreItems,
  estimate,
  pins: async ({ pins }) => pins.list(),
  pin,
  unpin,
}

async function list(volume: Volume, args: Args, { signal }: Job) {
  const { listings } = keptFor(volume)
  const path = cleanPath(text(args, 'path'))
  const limit = number(args, 'limit', 1000)
  if (typeof args.cursor === 'string') return listings.next(args.cursor, path, limit, signal)
  const { ino } = await place(volume, path, signal)
  const page = await listings.first(ino, path, limit, signal)
  return page
}

async function blocks(volume: Volume, args: Args, { signal }: Job) {
  const { ino } = await place(volume, text(args, 'path'), signal)
  const { objects } = await pathInfo(volume, ino, {}, { signal })
  return (objects ?? []).slice(0, 20_000)
}

async function mkdir(volume: Volume, args: Args, { signal }: Job) {
  const path = cleanPath(text(args, 'path'))
  if (args.parents === true) return makeFolders(volume, path, signal)
  const { parent, name } = await parentOf(volume, path, signal)
  return entryAt(path, await makeFolder(volume, parent, name, signal))
}

function makeFolder(volume: Volume, parent: Ino, name: Name, signal?: AbortSignal) {
  // What comes through this process is its user's.
  const ids = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  const ctx = { ...rootContext(signal), ...ids, interrupted: false }
  return volume.vfs.mknod(ctx, parent, name, { type: TYPE_DIRECTORY, mode: 0o755 })
}

/** Those on the way that are missing, and it. Somebody else may make them at the same time. */
async function makeFolders(volume: Volume, path: string, signal?: AbortSignal): Promise<ShownEntry> {
  const parts = path.split('/').slice(1)
  for (const end of parts.keys()) {
    const { parent, name } = await parentOf(volume, `/${parts.slice(0, end + 1).join('/')}`, signal)
    if ((await volume.meta.lookup(rootContext(signal), parent, name)) !== undefined) continue
    await makeFolder(volume, parent, name, signal).catch((error: unknown) => {
      if (!(error instanceof FsError && error.errno === EEXIST)) throw error
    })
  }
  const made = await place(volume, path, signal)
  if (made.node.type !== TYPE_DIRECTORY) throw fail(EEXIST, 'mkdir', `${path} is no folder`)
  return entryAt(path, made)
}

async function rename(volume: Volume, args: Args, { signal }: Job) {
  const [from, to] = [cleanPath(text(args, 'from')), cleanPath(text(args, 'to'))]
  if (to.startsWith(`${from}/`)) throw fail(EINVAL, 'rename', 'a folder cannot go into itself')
  const source = await parentOf(volume, from, signal)
  const target = await parentOf(volume, to, signal)
  const flags = args.overwrite === true ? 0 : RENAME_NOREPLACE
  await volume.vfs.rename(rootContext(signal), source.parent, source.name, target.parent, target.name, flags)
  volume.vfs.entryGone(source.parent, source.name)
  return entryAt(to, await place(volume, to, signal, false))
}

/** Each by itself: one that cannot be removed says why, the others go. */
async function remove(volume: Volume, args: Args, { signal }: Job) {
  const outcomes = []
  for (const path of paths(args)) {
    signal?.throwIfAborted()
    outcomes.push(await outcomeOf(path, () => removeOne(volume, path, args.skipTrash === true, signal)))
  }
  return outcomes
}

async function removeOne(
  volume: Volume,
  path: string,
  skipTrash: boolean,
  signal?: AbortSignal,
): Promise<void> {
  const { parent, name } = await parentOf(volume, path, signal)
  const ctx = rootContext(signal)
  const found = await volume.meta.lookup(ctx, parent, name)
  if (found === undefined) throw fail(ENOENT, 'remove', path)
  if (found.node.type !== TYPE_DIRECTORY) await volume.vfs.unlink(ctx, parent, name, { skipTrash })
  else await volume.meta.removeTree(ctx, parent, name, { skipTrash, signal })
  volume.vfs.entryGone(parent, name)
}

/** Bytes as base64; fewer only at the end of the file. */
async function readAt(volume: Volume, args: Args, { signal }: Job) {
  const { vfs } = volume
  const { ino } = await place(volume, text(args, 'path'), signal)
  const ctx = rootContext(signal)
  const { fh } = await vfs.open(ctx, ino, O_RDONLY)
  try {
    const offset = number(args, 'offset', 0)
    const length = Math.min(number(args, 'length', 2 ** 20), 2 ** 20)
    const data = Buffer.concat(await bytesOf(await vfs.read(ctx, fh, offset, length)))
    return { data: data.toString('base64') }
  } finally {
    await vfs.release(fh)
  }
}

async function archiveBegin(volume: Volume, args: Args, { signal }: Job) {
  const path = cleanPath(text(args, 'path'))
  const { ino, node } = await place(volume, path, signal)
  const name = nameFromExact(path.slice(path.lastIndexOf('/') + 1)) || volume.setting.Name
  return { key: keptFor(volume).archives.begin(ino, node, name) }
}

async function archiveNext(volume: Volume, args: Args) {
  const piece = await keptFor(volume).archives.next(text(args, 'key'))
  return { data: piece === undefined ? null : Buffer.from(piece).toString('base64') }
}

async function putBegin(volume: Volume, args: Args, { signal }: Job) {
  if (args.parents === true) {
    const path = cleanPath(text(args, 'path'))
    const folder = path.slice(0, path.lastIndexOf('/'))
    if (folder !== '') await makeFolders(volume, folder, signal)
  }
  const { parent, name } = await parentOf(volume, text(args, 'path'), signal)
  return { key: await keptFor(volume).uploads.begin(parent, name, 0o644, args.overwrite === true) }
}

async function hours(volume: Volume, _args: Args, { signal }: Job) {
  const found = []
  for (const hour of await trashHours(volume, signal)) {
    let entries = 0
    for await (const _ of trashEntries(volume, hour, signal)) entries++
    found.push({ hour: nameToText(hour.name), entries })
  }
  return found.reverse()
}

async function trashList(volume: Volume, args: Args, { signal }: Job) {
  const hour = await hourOf(volume, text(args, 'hour'), signal)
  const from = Number(args.cursor ?? 0)
  const limit = number(args, 'limit', 1000)
  const items = []
  const folders = new Map<number, string | null>()
  let total = 0
  for await (const entry of trashEntries(volume, hour, signal)) {
    if (total >= from && items.length < limit) items.push(await trashItem(volume, entry, folders))
    total++
  }
  const end = from + items.length
  return { items, total, nextCursor: end < total ? String(end) : null }
}

async function trashItem(volume: Volume, entry: TrashEntry, folders: Map<number, string | null>) {
  let folder = folders.get(entry.parent)
  if (folder === undefined) {
    folder = (await volume.meta.paths(entry.parent))[0] ?? null
    folders.set(entry.parent, folder)
  }
  return {
    key: `${entry.hour}/${exactText(entry.entry)}`,
    name: nameToText(entry.name),
    from: folder,
    type: entry.directory ? 'directory' : typeName(TYPE_FILE),
    size: entry.length,
  }
}

async function restoreItems(volume: Volume, args: Args, { signal }: Job) {
  const keys = paths(args, 'keys')
  const byHour = new Map<string, Set<Name>>()
  for (const key of keys) {
    const slash = key.indexOf('/')
    const hour = key.slice(0, slash)
    byHour.set(hour, (byHour.get(hour) ?? new Set()).add(nameFromExact(key.slice(slash + 1))))
  }
  const outcomes = []
  for (const [hour, names] of byHour) {
    const matches = ({ entry }: TrashEntry) => names.has(entry)
    const options = { inTrash: false, threads: 4, matches }
    const { restored, conflicts, failures } = await restoreTrash(volume, [hour], options, { signal })
    const left = names.size - restored
    if (left === 0) outcomes.push(...[...names].map((name) => ({ path: nameToText(name) })))
    else {
      const why = conflicts > 0 ? 'something else has the name now' : (failures[0] ?? 'its folder is gone')
      outcomes.push({
        path: hour,
        error: `${restored} of ${names.size} were restored: ${why}`,
        next: 'rename what is there, or restore its folder first',
      })
    }
  }
  return outcomes
}

async function estimate(volume: Volume, args: Args, { signal }: Job) {
  const deadline = AbortSignal.timeout(ESTIMATE_MS)
  const both = signal === undefined ? deadline : AbortSignal.any([signal, deadline])
  let last = { files: 0, bytes: 0, places: {} as Readonly<Record<string, number>> }
  try {
    const onProgress = (now: typeof last) => {
      last = now
    }
    last = await warmup(volume, paths(args), { action: 'check', threads: 16 }, { signal: both, onProgress })
  } catch (error) {
    if (!deadline.aborted) throw error
  }
  const { disk = 0, staging = 0, memory = 0, store = 0, missing = 0 } = last.places
  return {
    files: last.files,
    bytes: last.bytes,
    cachedBytes: disk + staging + memory,
    missingBytes: store + missing,
    partial: deadline.aborted,
  }
}

async function pin(volume: Volume, args: Args, { signal, onProgress }: Job) {
  const places = await Promise.all(paths(args).map((path) => place(volume, path, signal)))
  return volume.pins.add(
    places.map(({ ino }) => ino),
    { signal, onProgress },
  )
}

/** By `inos` (decimal), or by `paths`: those of them that were not pinned are returned. */
async function unpin(volume: Volume, args: Args, { signal }: Job): Promise<readonly string[]> {
  const { pins } = volume
  if (args.paths === undefined) {
    await pins.remove(paths(args, 'inos'))
    return []
  }
  const wanted = paths(args)
  const found = await Promise.all(wanted.map((path) => place(volume, path, signal)))
  const inos = found.map(({ ino }) => inoText(pins.inoOf(ino)))
  const removed = await pins.remove(inos)
  return wanted.filter((_, at) => !removed.includes(inos[at]!))
}

const ESTIMATE_MS = 5000

async function hourOf(volume: Volume, text: string, signal?: AbortSignal) {
  const hour = (await trashHours(volume, signal)).find(({ name }) => nameToText(name) === text)
  if (hour === undefined) throw fail(ENOENT, 'trash', `nothing was removed in ${text}`)
  return hour
}

async function outcomeOf(path: string, work: () => Promise<void>) {
  try {
    await work()
    return { path }
  } catch (error) {
    if (!(error instanceof FsError)) throw error
    return { path, error: error.message }
  }
}
