/** The files of a volume, without its mount. Paths are absolute in the volume. Runs anywhere. */
import { z } from 'zod'
import { volumeId } from './volumes.ts'

export const volumePath = z.string().startsWith('/').max(16_384)
export const pathInput = z.object({ id: volumeId, path: volumePath })
const paths = z.array(volumePath).min(1).max(10_000)

export type FileType = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'block' | 'char'

export interface FileEntry {
  /** Bytes that are no UTF-8 are shown with U+FFFD; `path` names it exactly. */
  readonly name: string
  readonly path: string
  /** Decimal. */
  readonly ino: string
  readonly type: FileType
  readonly size: number
  /** Permission bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly nlink: number
  readonly mtimeMs: number
  readonly ctimeMs: number
  readonly atimeMs: number
  readonly target?: string
}

/**
 * A page of a directory in the byte order of names. The listing is taken when the first page is asked for and kept
 * for a minute after its last use; an older `cursor` is an error of kind `gone`: begin again.
 */
export const listInput = pathInput.extend({
  cursor: z.string().max(200).optional(),
  limit: z.number().int().min(1).max(5000).default(1000),
})
export interface DirectoryPage {
  readonly entries: readonly FileEntry[]
  readonly total: number
  /** Position of the first entry. */
  readonly offset: number
  readonly nextCursor: string | null
}

export interface AclEntry {
  readonly tag: 'user' | 'group' | 'mask' | 'other'
  /** Null: the owner's, or not a named one. */
  readonly id: number | null
  /** `rwx` with dashes. */
  readonly perms: string
}

export interface FileDetails extends FileEntry {
  readonly owner: string | null
  readonly group: string | null
  /** `rwxr-xr-x`. */
  readonly modeText: string
  readonly xattrs: readonly {
    readonly name: string
    readonly value: string
    readonly encoding: 'text' | 'hex'
  }[]
  readonly acl: readonly AclEntry[] | null
  /** Of a folder: what new entries in it get. */
  readonly defaultAcl: readonly AclEntry[] | null
  /** What may be changed of it here: nothing in a read-only volume, ACLs where the volume has them. */
  readonly can: { readonly change: boolean; readonly xattrs: boolean; readonly acl: boolean }
  /** Bytes of its data by where they are now; null for what is no file. */
  readonly places: Readonly<
    Partial<Record<'memory' | 'disk' | 'staging' | 'store' | 'missing', number>>
  > | null
}

/** A block (object) of a file, in file order; `key` is empty for a hole. */
export interface FileBlock {
  readonly chunk: number
  readonly key: string
  readonly size: number
  readonly offset: number
  readonly length: number
  /** In the file. */
  readonly position: number
}

/** `parents`: folders on the way are made, and a folder that is there is no error. */
export const mkdirInput = pathInput.extend({ parents: z.boolean().default(false) })
export const renameInput = z.object({
  id: volumeId,
  from: volumePath,
  to: volumePath,
  overwrite: z.boolean().default(false),
})
/** Into the trash, where the volume has one; trees are removed by a task (`remove-tree`). */
export const removeFilesInput = z.object({ id: volumeId, paths, skipTrash: z.boolean().default(false) })
export const chmodInput = pathInput.extend({ mode: z.number().int().min(0).max(0o7777) })

/** A name of this computer or a number; absent: stays. */
const owner = z.string().trim().min(1).max(255).optional()
export const chownInput = pathInput
  .extend({ owner, group: owner })
  .refine((input) => input.owner !== undefined || input.group !== undefined, {
    error: 'give an owner, a group, or both',
  })

/** With its name space: `user.colour`. Source: xattr(7). */
const xattrName = z
  .string()
  .max(255)
  .regex(/^(user|trusted|security)\.[^\0]+$/, {
    error: 'a name begins with user. (or trusted. or security.)',
  })
/** The value as text or as hexadecimal digits, at most 64 KiB. */
export const setXattrInput = pathInput
  .extend({
    name: xattrName,
    value: z.string().max(131_072),
    encoding: z.enum(['text', 'hex']).default('text'),
  })
  .refine(({ value, encoding }) => encoding === 'text' || /^([\da-f]{2})*$/i.test(value), {
    error: 'hexadecimal digits come in pairs',
    path: ['value'],
  })
export const removeXattrInput = pathInput.extend({ name: xattrName })

const aclEntry = z.object({
  tag: z.enum(['user', 'group', 'mask', 'other']),
  id: z
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 2)
    .nullable(),
  perms: z.string().regex(/^[r-][w-][x-]$/, { error: 'permissions are like r-x' }),
})
/** The whole list, as `stat` shows it; null takes the ACL away. What is left out of it follows the mode. */
export const setAclInput = pathInput.extend({
  which: z.enum(['access', 'default']).default('access'),
  entries: z.array(aclEntry).max(1000).nullable(),
})

export interface PathOutcome {
  readonly path: string
  /** Absent: done. */
  readonly error?: string
  readonly next?: string
}

/**
 * A single-use address for the download of a file, valid for a minute: `GET` it (a link may). A folder comes as a tar
 * archive of everything in it, of a size not known before.
 * Uploads need none: `PUT /api/files/<volume id>?path=/a/b&overwrite=0&parents=0` with the token in
 * `Authorization: Bearer`; `parents=1` makes the folders on the way.
 */
export const downloadInput = pathInput
export interface Download {
  readonly url: string
  readonly name: string
  readonly size: number | null
}

export interface TrashHour {
  /** `YYYY-MM-DD-HH`, UTC. */
  readonly hour: string
  readonly entries: number
}
export const trashListInput = z.object({
  id: volumeId,
  hour: z.string().max(20),
  cursor: z.string().max(200).optional(),
  limit: z.number().int().min(1).max(5000).default(1000),
})
export interface TrashItem {
  /** Names it for `restore`: hour and entry. */
  readonly key: string
  readonly name: string
  /** Where it was, when that can still be told. */
  readonly from: string | null
  readonly type: FileType
  readonly size: number
}
export interface TrashPage {
  readonly items: readonly TrashItem[]
  readonly total: number
  readonly nextCursor: string | null
}
export const restoreInput = z.object({ id: volumeId, keys: z.array(z.string().max(2000)).min(1).max(10_000) })

/**
 * A file or folder kept on this computer: its blocks are in the disk cache, outside of the cache's size, until it is
 * unpinned; what changes in it is fetched within minutes. Sizes are null until it was looked at for the first time.
 */
export interface Pin {
  readonly ino: string
  /** Where it is now; null: it is in the trash. */
  readonly path: string | null
  readonly type: FileType
  readonly sinceMs: number
  readonly files: number | null
  readonly bytes: number | null
  readonly cachedBytes: number | null
  readonly asOfMs: number | null
  /** Why not all of it is here. */
  readonly note?: string
}
/** Pinning is a task (`pin`); `inos` are those of `Pin`. */
export const unpinInput = z.object({
  id: volumeId,
  inos: z.array(z.string().regex(/^\d+$/)).min(1).max(1000),
})

/** Bytes cached here and what a warm-up would fetch. */
export interface CacheEstimate {
  readonly files: number
  readonly bytes: number
  readonly cachedBytes: number
  readonly missingBytes: number
  /** True when counting was cut short: a lower bound. */
  readonly partial: boolean
}
export const cacheInput = z.object({ id: volumeId, paths })
