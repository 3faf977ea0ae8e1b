/**
 * What the inspector answers. Plain data: the same in the library, as JSON of the command line and over the API. Inodes
 * are decimal text (those of the trash are beyond a JS number), paths are text for people, offsets count bytes of the
 * file unless they say otherwise.
 */
import type { Span } from '#core/base/spans.ts'
import type { BlockPlace } from '#core/chunk/api.ts'

/**
 * Why an inode's data are kept. `sustained`: unlinked, and still open in some client. `deleted`: no node any more, data to
 * be removed. `detached`: of a clone under way or abandoned. `unnamed`: a node that no directory names.
 */
export type InodeState = 'live' | 'trash' | 'sustained' | 'deleted' | 'detached' | 'unnamed'

/** An inode as an answer names it. */
export interface FileView {
  readonly inode: string
  /** One for each hard link; empty when it has no name. The first hundred. */
  readonly paths: readonly string[]
  readonly state: InodeState
  /** When the trash is emptied of it, by the setting; only for state `trash`. */
  readonly untilMs?: number
  /** Bytes of the file; null when there is no node. */
  readonly length: number | null
}

/** How a chunk of a file uses an object. */
export interface ObjectUse {
  readonly file: FileView
  readonly chunk: number
  /** What the file shows of the object now, in order; empty when newer writes hide all of it. */
  readonly ranges: readonly Span[]
  /** Bytes of the object that the chunk's records name and newer writes (or the file's end) hide. */
  readonly shadowedBytes: number
}

/**
 * Why an object is in the bucket (or named by metadata and not there).
 *
 * `live`, `trash`, `sustained`, `deleted`: some file in that state shows bytes of it; of several, the first in this order.
 * `shadowed`: files name its slice and none shows any of it: a compaction would free it. `replaced`: a compaction put another in
 * its place; it is kept as long as the trash. `pending`: nothing uses its slice; its removal is due. `writing`: this client
 * holds it for a write that is not committed yet. `young`: nothing knows it, and it is too new to be judged, since another
 * client may be about to commit it. `leaked`: nothing knows it and it is old enough. `unallotted`: of a slice number that
 * was never given out, as after metadata were restored from an older backup: not to be deleted. `wrongSize`: its slice is
 * in use, but no block of that slice has this size. `unclear`: nothing that can be read knows it, but some chunk records
 * are damaged. `gone`: the key of a block that is neither in the bucket nor known. `backup`, `marker`, `probe`: the volume's
 * own, no data. `foreign`: not a key of this volume.
 *
 * `shadowed` needs a live file that names the slice; else the state of those that do is the reason, shown or not.
 */
export type ObjectReason =
  | 'live'
  | 'trash'
  | 'sustained'
  | 'deleted'
  | 'detached'
  | 'unnamed'
  | 'shadowed'
  | 'replaced'
  | 'pending'
  | 'writing'
  | 'young'
  | 'leaked'
  | 'unallotted'
  | 'wrongSize'
  | 'unclear'
  | 'gone'
  | 'backup'
  | 'marker'
  | 'probe'
  | 'foreign'

export interface ObjectAnswer {
  /** Without the volume's prefix. */
  readonly key: string
  /** Absent for keys that name no block. `size`: of the block before compression and encryption. */
  readonly block?: { readonly slice: number; readonly index: number; readonly size: number }
  /** As it lies in the bucket; null: it is not there. */
  readonly stored: { readonly bytes: number; readonly mtimeMs: number } | null
  /** Stored bytes for each byte of the block; null when it is not stored or no block. */
  readonly ratio: number | null
  readonly reason: ObjectReason
  /** When what keeps it ends by the setting: `trash`, `replaced`. */
  readonly untilMs?: number
  /** Where this client would read it from; `missing` when metadata name it and nobody has it. */
  readonly place: BlockPlace
  /** The first thousand. */
  readonly uses: readonly ObjectUse[]
  readonly moreUses: number
  /**
   * The number of uses equals the metadata's own count, and each file's names its link count. False: other clients changed
   * something just now, or a count is wrong (`fsck` tells).
   */
  readonly complete: boolean
}

/** A slice record of a chunk, in write order. Bytes of the slice unless they say otherwise. */
export interface RecordView {
  /** 0: zeros. */
  readonly slice: number
  readonly size: number
  readonly off: number
  readonly len: number
  /** In the file. */
  readonly position: number
  /** Of `len`, what the file still shows. */
  readonly shownBytes: number
}

/** A piece of the view that a reader gets. */
export interface PieceView {
  /** In the file. */
  readonly start: number
  readonly end: number
  /** 0: a hole. */
  readonly slice: number
  /** Where in the slice it begins; 0 for a hole. */
  readonly off: number
}

export interface BlockView {
  readonly key: string
  readonly slice: number
  readonly index: number
  /** Bytes of the block before compression. */
  readonly size: number
  readonly place: BlockPlace
  /** What of the block this chunk shows, in bytes of the block; empty: shadowed. */
  readonly shown: readonly Span[]
}

export interface ChunkMap {
  readonly index: number
  readonly records: readonly RecordView[]
  readonly view: readonly PieceView[]
  /** By slice as written, then by block. */
  readonly blocks: readonly BlockView[]
}

/** What a set of blocks comes to. */
export interface Amount {
  readonly count: number
  readonly bytes: number
}

export interface FileMap {
  readonly file: FileView
  readonly blockSize: number
  readonly chunks: readonly ChunkMap[]
  /** The first chunk of the next page; null: this was the last. */
  readonly nextChunk: number | null
  /** Of these chunks, by place: blocks that the file shows, counted once. */
  readonly places: Readonly<Record<BlockPlace, Amount>>
  /** Reading what these chunks show with nothing cached: requests, and bytes before compression that have to come. */
  readonly cold: { readonly requests: number; readonly bytes: number }
  /** The same as things are now. */
  readonly now: { readonly requests: number; readonly bytes: number }
}

/** Classes of the space view; each stored byte is in exactly one. */
export const SPACE_CLASSES = [
  'live',
  'trash',
  'pending',
  'shadowed',
  'replaced',
  'young',
  'leaked',
  'other',
] as const
export type SpaceClass = (typeof SPACE_CLASSES)[number]
export type SpaceSums = Readonly<Record<SpaceClass, number>>

export interface SpaceView {
  /** When the listing of the bucket that this counts began and ended. */
  readonly listedFromMs: number
  readonly listedToMs: number
  readonly objects: number
  /** Of all objects under the volume's prefix; the classes add up to it. */
  readonly bytes: number
  readonly classes: SpaceSums
  /** Metadata name so many bytes that are not in the bucket; see `health`. */
  readonly missing: Amount
  /** A survey is under way, or was stopped: owners, ages and folders are as far as it has come. */
  readonly unfinished: boolean
  /** Stored bytes of live and trashed files by owner (uid), most first; the first hundred. */
  readonly owners: readonly { readonly uid: number; readonly files: number; readonly bytes: number }[]
  /** The same by time since the file was modified. */
  readonly ages: readonly {
    readonly underDays: number | null
    readonly files: number
    readonly bytes: number
  }[]
}

/** One row of the drill-down: an entry of a directory with everything below it. */
export interface SpaceEntry {
  readonly name: string
  readonly path: string
  readonly inode: string
  readonly directory: boolean
  /** Files in it, or 1. */
  readonly files: number
  /** Stored bytes by what they are; a block that several files share counts for the one with the lowest inode. */
  readonly live: number
  readonly trash: number
  readonly shadowed: number
}

export interface SpaceFolder {
  readonly path: string
  readonly inode: string
  readonly total: Omit<SpaceEntry, 'name' | 'path' | 'inode' | 'directory'>
  /** Most bytes first. */
  readonly entries: readonly SpaceEntry[]
  /** Entries after these. */
  readonly more: number
}

export interface CachedFile {
  readonly file: FileView
  /** Bytes of it in the cache, before compression. */
  readonly cachedBytes: number
  /** Part of what the file shows, 0 to 1. */
  readonly share: number
  readonly stagedBytes: number
  /** Of `cachedBytes`, what is kept whatever the cache's size. */
  readonly keptBytes: number
  /** Since any of its blocks was used; null: none was since this client started. */
  readonly idleMs: number | null
}

export interface CachedFolder {
  readonly path: string
  readonly inode: string
  /** Of all below it. */
  readonly files: number
  readonly cachedBytes: number
}

export interface CachedView {
  readonly blocks: number
  readonly bytes: number
  /** Cached blocks that no file uses. */
  readonly unused: Amount
  /** All of them by last use, hottest first; null: longer ago, or not since this client started. */
  readonly lastUse: readonly (Amount & { readonly withinMs: number | null })[]
  /** Most bytes first, then by inode. */
  readonly files: readonly CachedFile[]
  /** Files after these. */
  readonly more: number
  /** The same of folders, from the first. */
  readonly folders: readonly CachedFolder[]
}

export interface BrokenFile {
  readonly file: FileView
  /** What reads as an error, in order; the first thousand. */
  readonly ranges: readonly Span[]
  readonly lostBytes: number
  readonly missing: number
  readonly wrongSize: number
}

/** Objects that no file uses, by how sure that is. A sample of keys of each, the sums of all. */
export interface UnusedObjects extends Amount {
  readonly keys: readonly string[]
}

/** Classes of objects that no file uses. */
export const UNUSED_CLASSES = [
  'leaked',
  'pending',
  'replaced',
  'young',
  'other',
] as const satisfies readonly SpaceClass[]

/** A part of all keys of a class, in the order of their slices. */
export interface UnusedKeys {
  readonly keys: readonly string[]
  /** There are more, after the last of these. */
  readonly more: boolean
  /** Of the survey that found them. */
  readonly listedToMs: number
}

export interface HealthReport {
  readonly listedFromMs: number
  readonly listedToMs: number
  readonly blocks: number
  readonly broken: readonly BrokenFile[]
  /** Missing blocks that no file shows. */
  readonly hiddenLosses: number
  /** Missing blocks that other clients may hold staged: there are other sessions, and the data are new. */
  readonly maybeStaged: number
  readonly leaked: UnusedObjects
  readonly pending: UnusedObjects
  readonly young: UnusedObjects
  /** Not understood: never offered for deletion. */
  readonly other: UnusedObjects
}

/** How far the index is. */
export interface IndexStatus {
  readonly state: 'none' | 'building' | 'ready'
  readonly chunks: number
  readonly slices: number
  readonly inodes: number
  /** Since when it was complete, and how new it is: changes before it are in. */
  readonly builtMs: number | null
  readonly currentMs: number | null
  readonly bytes: number
}

export interface InspectProgress {
  readonly step: 'chunks' | 'inodes' | 'names' | 'changes' | 'objects' | 'files' | 'second look'
  readonly done: number
}

export interface ContentProgress {
  /** Slices looked at, and those whose content is known now. */
  readonly slices: number
  readonly known: number
  /** Bytes read from the bucket, and from caches. */
  readonly fetched: number
  readonly fromCache: number
  /** Blocks that could not be read: missing or damaged. `pomelo fsck` names their files. */
  readonly failed: number
}

export interface DuplicateSlice {
  readonly slice: number
  /** Those that use it, the first twenty. */
  readonly files: readonly FileView[]
  readonly moreFiles: number
}

export interface DuplicateGroup {
  /** Bytes of each slice, before compression. */
  readonly size: number
  /** The first is the one that would be kept. */
  readonly slices: readonly DuplicateSlice[]
  readonly wastedBytes: number
}

export interface DuplicatesReport {
  /** Slices whose content is known, of those that files use; what is not known is not judged. */
  readonly knownSlices: number
  readonly slices: number
  readonly knownBytes: number
  /** Bytes, before compression, of whole slices stored more than once, beyond the first: what `dedup` can share. */
  readonly sharableBytes: number
  /** The same by blocks: also those that lie in slices that differ elsewhere. */
  readonly repeatedBytes: number
  /** Most to gain first: `limit` of them, after the first `from`. */
  readonly groups: readonly DuplicateGroup[]
  readonly more: number
}

export interface DedupProgress {
  /** Equal slices looked at. */
  readonly groups: number
  /** Slices that files do not use any more, and their bytes in the bucket. */
  readonly slices: number
  readonly storedBytes: number
  /** Records changed. */
  readonly records: number
  /** Slices left alone: changed by others meanwhile, gone, or not equal after all. */
  readonly left: number
}

/** Bytes of a block as its files see them: decrypted and decompressed. */
export interface BlockPreview {
  readonly key: string
  readonly size: number
  readonly offset: number
  /** Base64. */
  readonly data: string
}

/** An object of the bucket as the last survey listed it. */
export interface BucketObject {
  readonly key: string
  readonly slice: number
  readonly index: number
  /** Of the block, and as stored. */
  readonly size: number
  readonly stored: number
  readonly mtimeMs: number
  /** Files that use its slice: the first one's path, by the index, and how many more. Null: none does. */
  readonly path: string | null
  readonly moreFiles: number
}

export interface BucketPage {
  readonly objects: readonly BucketObject[]
  /** Position of the first, and how many there are in all. */
  readonly from: number
  readonly total: number
  /** When it was listed; null: never, there is nothing to show. */
  readonly listedMs: number | null
}

/** Objects of a million and of a thousand slices lie in one folder of the bucket each. */
export interface BucketFolder {
  readonly firstSlice: number
  readonly endSlice: number
  readonly objects: number
  readonly bytes: number
}
