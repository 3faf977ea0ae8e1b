/** Work on the files of an opened volume, by name and with plain data: what a file browser needs. */

import { pathInfo } from '#core/admin/info.ts'
import { type Place, resolveName } from '#core/admin/paths.ts'
import { restoreTrash, type TrashEntry, trashEntries, trashHours } from '#core/admin/trash.ts'
import { warmup } from '#core/admin/warmup.ts'
import { rootContext } from '#core/base/context.ts'
import { EEXIST, EINVAL, ENOENT, FsError, fail } from '#core/base/errno.ts'
import { inoText, ROOT_INO } from '#core/base/ino.ts'
import { type Name, nameToText } from '#core/base/name.ts'
import { O_RDONLY } from '#core/base/open-flags.ts'
import { RENAME_NOREPLACE } from '#core/meta/api.ts'
import { TYPE_DIRECTORY, TYPE_FILE, TYPE_SYMLINK } from '#core/meta/records.ts'
import { exactText, nameFromExact } from './exact-names.ts'
import { shownAcl, shownEntry, typeName } from './file-view.ts'
import { bytesOf } from './files.ts'
import { Listings } from './listings.ts'
import type { Volume } from './open-volume.ts'
import { Uploads } from './uploads.ts'

type Args = Readonly<Record<string, unknown>>
interface Job {
  readonly signal?: AbortSignal
}

/** What is kept between requests, one of each for a volume. */
const open = new WeakMap<Volume, { readonly listings: Listings; readonly uploads: Uploads }>()

function keptFor(volume: Volume) {
  let kept = open.get(volume)
  if (kept === undefined)
    open.set(volume, (kept = { listings: new Listings(volume), uploads: new Uploads(volume) }))
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
  readAt,
  putBegin,
  putPiece: async (volume, args) =>
    keptFor(volume).uploads.add(text(args, 'key'), Buffer.from(text(args, 'data'), 'base64')),
  putEnd: async (volume, args) => keptFor(volume).uploads.end(text(args, 'key')),
  putAbort: async (volume, args) => keptFor(volume).uploads.abort(text(args, 'key')),
  trashHours: hours,
  trashList,
  restoreItems,
  estimate,
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

async function stat(volume: Volume, args: Args, { signal }: Job) {
  const path = cleanPath(text(args, 'path'))
  const found = await place(volume, path, signal, false)
  const ctx = rootContext(signal)
  const { meta, vfs } = volume
  const names = await meta.listxattr(ctx, found.ino)
  const xattrs = []
  for (const name of names.slice(0, 1000)) {
    const value = await meta.getxattr(ctx, found.ino, name)
    if (value !== undefined) xattrs.push({ name: nameToText(name), ...shownBytes(value) })
  }
  const acls = volume.setting.EnableACL
    ? {
        acl: shownAcl(await meta.getAcl(ctx, found.ino, 'access')),
        defaultAcl: shownAcl(await meta.getAcl(ctx, found.ino, 'default')),
      }
    : { acl: null, defaultAcl: null }
  const isFile = found.node.type === TYPE_FILE
  const places = isFile
    ? (await warmup(volume, [path], { action: 'check', threads: 4 }, { signal })).places
    : null
  const target =
    found.node.type === TYPE_SYMLINK ? nameToText(latin1(await vfs.readlink(ctx, found.ino))) : undefined
  const entry = entryAt(path, found)
  return { ...entry, ...(target !== undefined && { target }), xattrs, ...acls, places }
}

async function blocks(volume: Volume, args: Args, { signal }: Job) {
  const { ino } = await place(volume, text(args, 'path'), signal)
  const { objects } = await pathInfo(volume, ino, {}, { signal })
  return (objects ?? []).slice(0, 20_000)
}

async function mkdir(volume: Volume, args: Args, { signal }: Job) {
  const path = cleanPath(text(args, 'path'))
  const { parent, name } = await parentOf(volume, path, signal)
  const { uid, gid } = ownerOf(args)
  const ctx = { ...rootContext(signal), uid, gid, interrupted: false }
  const made = await volume.vfs.mknod(ctx, parent, name, { type: TYPE_DIRECTORY, mode: 0o755 })
  return entryAt(path, made)
}

async function rename(volume: Volume, args: Args, { signal }: Job) {
  const [from, to] = [cleanPath(text(args, 'from')), cleanPath(text(args, 'to'))]
  if (to.startsWith(`${from}/`)) throw fail(EINVAL, 'rename', 'a folder cannot go into itself')
  const source = await parentOf(volume, from, signal)
  const target = await parentOf(volume, to, signal)
  const flags = args.overwrite === true ? 0 : RENAME_NOREPLACE
  await volume.vfs.rename(rootContext(signal), source.parent, source.name, target.parent, target.name, flags)
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
  if (found.node.type !== TYPE_DIRECTORY) {
    await volume.vfs.unlink(ctx, parent, name, { skipTrash })
    return
  }
  await volume.meta.removeTree(ctx, parent, name, { skipTrash, signal })
  volume.vfs.entryGone(parent, name)
}

async function chmod(volume: Volume, args: Args, { signal }: Job) {
  const path = cleanPath(text(args, 'path'))
  const { ino } = await place(volume, path, signal, false)
  await volume.vfs.setattr(rootContext(signal), ino, { mode: number(args, 'mode', 0) })
  return entryAt(path, await place(volume, path, signal, false))
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

async function putBegin(volume: Volume, args: Args, { signal }: Job) {
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

function place(volume: Volume, path: string, signal?: AbortSignal, follow = true): Promise<Place> {
  return resolveName(volume.meta, rootContext(signal), nameFromExact(path), { follow })
}

async function parentOf(volume: Volume, path: string, signal?: AbortSignal) {
  const clean = cleanPath(path)
  const at = clean.lastIndexOf('/')
  const name = nameFromExact(clean.slice(at + 1))
  if (name === '' || name === '.' || name === '..') throw fail(EEXIST, 'path', 'the path names no entry')
  const folder = await place(volume, clean.slice(0, at) || '/', signal)
  return { parent: folder.ino, name }
}

function entryAt(path: string, { ino, node }: Pick<Place, 'ino' | 'node'>) {
  const at = path.lastIndexOf('/')
  const name = ino === ROOT_INO && path === '/' ? '' : nameFromExact(path.slice(at + 1))
  const folder = path.slice(0, at) || '/'
  const shown = shownEntry(folder, name, ino, node, node.type)
  return path === '/' ? { ...shown, name: '/', path: '/', ino: inoText(ino) } : shown
}

function cleanPath(path: string): string {
  return `/${path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')}`
}

function ownerOf(args: Args): { readonly uid: number; readonly gid: number } {
  return {
    uid: number(args, 'uid', process.getuid?.() ?? 0),
    gid: number(args, 'gid', process.getgid?.() ?? 0),
  }
}

/** Text where it is some, else hexadecimal digits; long values are cut. */
function shownBytes(value: Uint8Array): { readonly value: string; readonly encoding: 'text' | 'hex' } {
  const bytes = Buffer.from(value).subarray(0, 65_536)
  const textual = bytes.toString('utf8')
  const isText =
    Buffer.from(textual, 'utf8').equals(bytes) && !/\p{Cc}/u.test(textual.replace(/[\t\n\r]/g, ''))
  return isText ? { value: textual, encoding: 'text' } : { value: bytes.toString('hex'), encoding: 'hex' }
}

function latin1(bytes: Uint8Array): Name {
  return Buffer.from(bytes).toString('latin1')
}

function text(args: Args, name: string): string {
  const value = args[name]
  if (typeof value !== 'string') throw fail(EINVAL, 'request', `${name} is missing`)
  return value
}

function number(args: Args, name: string, standard: number): number {
  const value = args[name]
  return typeof value === 'number' && value >= 0 ? Math.floor(value) : standard
}

function paths(args: Args, name = 'paths'): readonly string[] {
  const value = args[name]
  if (!Array.isArray(value)) throw fail(EINVAL, 'request', `${name} are missing`)
  return value.map(String)
}
