/**
 * The record store that file-system rules are written over, and that each metadata engine implements.
 *
 * An engine says only where a record lives and how it is encoded. It knows no file-system rule: an operation
 * reads records, decides, and commits *changes* under *guards*, atomically. A failed guard is a value, with
 * the record's actual content, so that the retry needs no second read.
 *
 * Every method may reject with BackendError; `read`, `list` and `commit` wait for locks held elsewhere with
 * a bound (30 s), then reject `unavailable`.
 */
import type { Finding } from '#core/base/finding.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import type {
  AclRule,
  CounterName,
  DelayedSlices,
  DeletedFile,
  DirStat,
  Edge,
  Entry,
  FlockRecord,
  GateName,
  NodeRecord,
  PlockRecord,
  Quota,
  QuotaKind,
  SessionRecord,
  SliceRef,
  Xattr,
} from './records.ts'

/** What can be read by key, and the type of what comes back (null when absent). */
export type RecordKey =
  | { readonly kind: 'node'; readonly ino: Ino } // NodeRecord
  | { readonly kind: 'edge'; readonly parent: Ino; readonly name: Name } // Edge
  | { readonly kind: 'entry'; readonly parent: Ino; readonly name: Name } // Entry: edge + node, one trip
  | { readonly kind: 'chunk'; readonly ino: Ino; readonly index: number } // Uint8Array, n x 24 bytes
  | { readonly kind: 'symlink'; readonly ino: Ino } // Uint8Array
  | { readonly kind: 'xattr'; readonly ino: Ino; readonly name: Name } // Uint8Array
  | { readonly kind: 'acl'; readonly id: number } // AclRule
  | { readonly kind: 'flocks'; readonly ino: Ino } // FlockRecord[], all owners; null when none
  | { readonly kind: 'plocks'; readonly ino: Ino } // PlockRecord[], all owners; null when none
  | { readonly kind: 'parents'; readonly ino: Ino } // ParentCount[] of a hard-linked node; null when none
  | { readonly kind: 'session'; readonly sid: number } // SessionRecord
  | { readonly kind: 'dirStat'; readonly ino: Ino } // DirStat
  | { readonly kind: 'quota'; readonly of: QuotaKind; readonly id: number } // Quota
  | { readonly kind: 'sliceRef'; readonly id: number; readonly size: number } // SliceRef (uses >= 0); null: nobody
  | { readonly kind: 'delayedSlices'; readonly newId: number; readonly deleted: number } // DelayedSlices
  /** number. `nextInode` and `nextChunk` are the next to be given out, whatever the engine stores. */
  | { readonly kind: 'counter'; readonly name: CounterName | GateName }
  | { readonly kind: 'setting' } // string, the JSON text

export interface ParentCount {
  readonly parent: Ino
  readonly links: number
}

export interface RecordTypes {
  node: NodeRecord
  edge: Edge
  entry: Entry
  chunk: Uint8Array
  symlink: Uint8Array
  xattr: Uint8Array
  acl: AclRule
  flocks: readonly FlockRecord[]
  plocks: readonly PlockRecord[]
  parents: readonly ParentCount[]
  session: SessionRecord
  dirStat: DirStat
  quota: Quota
  sliceRef: SliceRef
  delayedSlices: DelayedSlices
  counter: number
  setting: string
}
export type RecordKind = RecordKey['kind']
export type RecordValue<K extends RecordKey = RecordKey> = RecordTypes[K['kind']] | null
export type RecordValues<Keys extends readonly RecordKey[]> = { [I in keyof Keys]: RecordValue<Keys[I]> }

/** What can be listed in order, page by page. */
export type RecordRange =
  | { readonly kind: 'edges'; readonly parent: Ino } // by name bytes
  | { readonly kind: 'entries'; readonly parent: Ino } // edges with their nodes
  /** Indexes [from, to). `length`: of a file whose node is gone, for engines that have to ask for each index. */
  | {
      readonly kind: 'chunks'
      readonly ino: Ino
      readonly from?: number
      readonly to?: number
      readonly length?: number
    }
  | { readonly kind: 'allChunks' }
  | { readonly kind: 'allNodes' }
  | { readonly kind: 'allEdges' }
  | { readonly kind: 'xattrs'; readonly ino: Ino }
  | { readonly kind: 'sessions' }
  | { readonly kind: 'sustained'; readonly sid: number }
  | { readonly kind: 'deletedFiles' }
  | { readonly kind: 'delayedSlices' }
  | { readonly kind: 'unusedSlices' } // references with no user left
  | { readonly kind: 'sliceRefs' }
  | { readonly kind: 'quotas'; readonly of: QuotaKind }
  | { readonly kind: 'acls' }
  | { readonly kind: 'detached' }
  | { readonly kind: 'sessionFlocks'; readonly sid: number }
  | { readonly kind: 'sessionPlocks'; readonly sid: number }

export interface ListTypes {
  edges: Edge & { readonly name: Name }
  entries: Entry & { readonly name: Name }
  chunks: { readonly index: number; readonly slices: Uint8Array }
  allChunks: { readonly ino: Ino; readonly index: number; readonly slices: Uint8Array }
  allNodes: { readonly ino: Ino; readonly node: NodeRecord }
  allEdges: Edge & { readonly parent: Ino; readonly name: Name }
  xattrs: Xattr
  sessions: SessionRecord
  sustained: Ino
  deletedFiles: DeletedFile
  delayedSlices: DelayedSlices
  unusedSlices: SliceRef
  sliceRefs: SliceRef
  quotas: Quota & { readonly id: number }
  acls: { readonly id: number; readonly rule: AclRule }
  detached: { readonly ino: Ino; readonly added: number }
  sessionFlocks: { readonly ino: Ino; readonly lock: FlockRecord }
  sessionPlocks: { readonly ino: Ino; readonly lock: PlockRecord }
}

/** `after` is the `next` of the page before; opaque to callers, except edges/entries: the last name seen. */
export interface PageRequest {
  readonly after?: string
  readonly limit: number
}

export interface Page<T> {
  readonly items: readonly T[]
  /** Absent on the last page. */
  readonly next?: string
}

/** What must still be true when a commit is applied. */
export type Guard =
  /** The whole record, times and all; null: absent. */
  | { readonly kind: 'nodeIs'; readonly ino: Ino; readonly is: NodeRecord | null }
  /** Everything but times, nlink and length: flags, type, mode, uid, gid, parent, ACL ids, tier. */
  | { readonly kind: 'nodeLike'; readonly ino: Ino; readonly like: NodeRecord }
  | { readonly kind: 'edgeIs'; readonly parent: Ino; readonly name: Name; readonly is: Edge | null }
  | { readonly kind: 'emptyDir'; readonly ino: Ino }
  | { readonly kind: 'chunkIs'; readonly ino: Ino; readonly index: number; readonly is: Uint8Array | null }
  | {
      readonly kind: 'chunkStartsWith'
      readonly ino: Ino
      readonly index: number
      readonly prefix: Uint8Array
    }
  /** Any record by value: locks, quotas, xattr, counters, sessions. Not for node, entry, chunk. */
  | { readonly kind: 'recordIs'; readonly key: RecordKey; readonly is: RecordValue }

/** What then happens, at once and in this order. */
export type Change =
  /** `fresh`: a node that was never there before, and whose number nobody else has: it has no entries yet either. */
  | { readonly kind: 'putNode'; readonly ino: Ino; readonly node: NodeRecord; readonly fresh?: boolean }
  | { readonly kind: 'delNode'; readonly ino: Ino }
  /** Relative and in place: other clients' neighbours change the same record. The node must exist. */
  | {
      readonly kind: 'touchNode'
      readonly ino: Ino
      readonly nlink: number
      /** Sets mtime and ctime when given. */
      readonly time?: { readonly sec: number; readonly nsec: number }
    }
  | { readonly kind: 'putEdge'; readonly parent: Ino; readonly name: Name; readonly edge: Edge }
  | { readonly kind: 'delEdge'; readonly parent: Ino; readonly name: Name }
  /** Make the chunk's record list longer (or start it) by n x 24 bytes. Reply: how many records it has then. */
  | { readonly kind: 'appendChunk'; readonly ino: Ino; readonly index: number; readonly slices: Uint8Array }
  /** Replace the first `prefixBytes` of the list. Comes with a chunkStartsWith guard. */
  | {
      readonly kind: 'replaceChunkPrefix'
      readonly ino: Ino
      readonly index: number
      readonly prefixBytes: number
      readonly slices: Uint8Array
    }
  | { readonly kind: 'delChunk'; readonly ino: Ino; readonly index: number }
  /** A slice that just got its first chunk record. SQL stores 1, others nothing. */
  | { readonly kind: 'newSliceRef'; readonly id: number; readonly size: number }
  /** More or fewer uses. The commit's reply at this change's place is the number of uses left. */
  | { readonly kind: 'addSliceRef'; readonly id: number; readonly size: number; readonly add: number }
  /** The objects are gone: forget the slice. */
  | { readonly kind: 'delSliceRef'; readonly id: number; readonly size: number }
  /** Parent counts of hard-linked nodes; engines that derive them from edges ignore it. */
  | { readonly kind: 'addParent'; readonly ino: Ino; readonly parent: Ino; readonly add: number }
  | { readonly kind: 'delParents'; readonly ino: Ino }
  | { readonly kind: 'putSymlink'; readonly ino: Ino; readonly target: Uint8Array }
  | { readonly kind: 'delSymlink'; readonly ino: Ino }
  | { readonly kind: 'putXattr'; readonly ino: Ino; readonly name: Name; readonly value: Uint8Array }
  | { readonly kind: 'delXattr'; readonly ino: Ino; readonly name: Name }
  /** All xattrs of the node. */
  | { readonly kind: 'delXattrs'; readonly ino: Ino }
  | { readonly kind: 'putFlock'; readonly ino: Ino; readonly lock: FlockRecord }
  | { readonly kind: 'delFlock'; readonly ino: Ino; readonly sid: number; readonly owner: bigint }
  | { readonly kind: 'putPlock'; readonly ino: Ino; readonly lock: PlockRecord }
  | { readonly kind: 'delPlock'; readonly ino: Ino; readonly sid: number; readonly owner: bigint }
  | { readonly kind: 'putSession'; readonly session: SessionRecord }
  | { readonly kind: 'delSession'; readonly sid: number }
  | { readonly kind: 'delSessionLocks'; readonly sid: number }
  | { readonly kind: 'putSustained'; readonly sid: number; readonly ino: Ino }
  | { readonly kind: 'delSustained'; readonly sid: number; readonly ino: Ino }
  | { readonly kind: 'putDeletedFile'; readonly file: DeletedFile }
  | { readonly kind: 'delDeletedFile'; readonly ino: Ino; readonly length: number }
  | { readonly kind: 'putDelayedSlices'; readonly record: DelayedSlices }
  | { readonly kind: 'delDelayedSlices'; readonly newId: number; readonly deleted: number }
  | { readonly kind: 'putDetached'; readonly ino: Ino; readonly added: number }
  | { readonly kind: 'delDetached'; readonly ino: Ino }
  | { readonly kind: 'putQuota'; readonly of: QuotaKind; readonly id: number; readonly quota: Quota }
  | { readonly kind: 'delQuota'; readonly of: QuotaKind; readonly id: number }
  | { readonly kind: 'putDirStat'; readonly ino: Ino; readonly stat: DirStat }
  | { readonly kind: 'delDirStat'; readonly ino: Ino }
  /** Volume totals (counters usedSpace, totalInodes). */
  | { readonly kind: 'addUsage'; readonly space: number; readonly inodes: number }
  /** Skipped when the record is missing; reply is 1 when it was there, else 0 (recompute it later). */
  | {
      readonly kind: 'addDirStat'
      readonly ino: Ino
      readonly length: number
      readonly space: number
      readonly inodes: number
    }
  /** Usage of a quota record. Directory: skipped when missing. User and group: made with limits -1. */
  | {
      readonly kind: 'addQuotaUsage'
      readonly of: QuotaKind
      readonly id: number
      readonly space: number
      readonly inodes: number
    }
  /** In the sense in which counters are read. */
  | { readonly kind: 'putCounter'; readonly name: CounterName | GateName; readonly value: number }
  | { readonly kind: 'putSetting'; readonly text: string }

export interface FailedGuard {
  /** Index into the guards. */
  readonly guard: number
  /** What is there instead. For emptyDir: false. For chunkStartsWith: the chunk. */
  readonly actual: RecordValue | false
}

/** A node as a commit left it. */
export interface TouchedNode {
  readonly ino: Ino
  readonly node: NodeRecord
}

export type CommitResult =
  | {
      readonly ok: true
      readonly replies: readonly number[]
      /** What touchNode changes made of their nodes, from engines that know it without another round trip. */
      readonly touched?: readonly TouchedNode[]
    }
  | { readonly ok: false; readonly failed: readonly FailedGuard[] }

/**
 * How new an answer must be. `current`: the record as it is while the call lasts. `hint`: as it was seen lately, for a
 * decision that a guard checks at commit. `fresh`: the server was asked after the call began, so that what others
 * finished before it is seen, also when word of it is still on its way here. Engines know nothing else than that;
 * record-cache.ts serves the others.
 */
export type Trust = 'fresh' | 'current' | 'hint'

/** What a change by anybody may have altered: every record of the named thing. */
export type ChangedScope =
  | { readonly kind: 'node'; readonly ino: Ino }
  /** Entries of the directory. */
  | { readonly kind: 'entries'; readonly parent: Ino }
  | { readonly kind: 'chunk'; readonly ino: Ino; readonly index: number }
  | { readonly kind: 'xattrs'; readonly ino: Ino }
  | { readonly kind: 'symlink'; readonly ino: Ino }
  | { readonly kind: 'setting' }

/** Something to be read again. `file`: the node and all its chunks. */
export type RecentChange =
  | { readonly kind: 'chunk'; readonly ino: Ino; readonly index: number }
  | { readonly kind: 'node' | 'file'; readonly ino: Ino }
  | { readonly kind: 'edge'; readonly parent: Ino; readonly name: Name }

/** Told of changes as the server pushes them, in their order; calls return at once and do not throw. */
export interface ChangeListener {
  /**
   * Records changed. `foreign`: another client changed at least one of them. `own`: only commits of this engine
   * wrote these keys, as far as can be told: a foreign change of the very same keys in the same instant looks alike,
   * so what rests on it wants a second look soon.
   */
  changed(scopes: readonly ChangedScope[], by: 'own' | 'foreign'): void
  /** Pushes are received from here on: what is read from now on may be trusted until told otherwise. */
  listening(): void
  /** Pushes may be missed from here on: nothing read before or from now on may be trusted. */
  deaf(): void
}

export interface MetaEngine {
  /** `sqlite3`, `redis`, `postgres`, `tikv`, `etcd`. */
  readonly scheme: string
  /** Where it is, without any secret. */
  readonly address: string
  /** Records that one commit may guard and change together, where the server bounds that; absent: thousands. */
  readonly maxRecords?: number

  /**
   * True when `read(keys, 'hint')` would be answered without asking, by records of which one or more are not known to
   * be current. Absent: there are no hints.
   */
  doubts?(keys: readonly RecordKey[]): boolean
  /** Any mix of records in one round trip, in the order asked. `trust` is `current` when not given. */
  read<const Keys extends readonly RecordKey[]>(keys: Keys, trust?: Trust): Promise<RecordValues<Keys>>
  list<R extends RecordRange>(range: R, page: PageRequest): Promise<Page<ListTypes[R['kind']]>>
  /**
   * Apply `changes` if every guard holds, all or nothing. `op` names the operation in metrics and lets an
   * engine keep one prepared form per operation. Replies are 0 but for the changes that say otherwise.
   */
  commit(op: string, guards: readonly Guard[], changes: readonly Change[]): Promise<CommitResult>
  /** Reserve `n` numbers; returns the first. `nextTrash` and `nextSession` count from 1. */
  allocate(counter: CounterName, n: number): Promise<number>
  /**
   * "Is it my turn?": true, storing `now`, if the gate's time is `period` or more away (unix seconds). One that lies so far
   * ahead is of a clock that was wrong, and would keep the gate shut until then.
   */
  claim(gate: GateName, now: number, period: number): Promise<boolean>
  /** Store a rule that no id has yet; returns its id. */
  insertAcl(rule: AclRule): Promise<number>
  /** Everything committed so far survives a power cut once this resolves. */
  sync(): Promise<void>
  /**
   * Create tables or the like where missing, in an empty place, with the first counters at zero use.
   * Rejects `invalid` when something is there already.
   */
  initialize(): Promise<void>
  /** Bring an existing place up to date (missing tables, columns). Called when a read-write session starts. */
  upgrade(): Promise<void>
  /**
   * Be told of changes (engines whose server can push). One listener at a time; returns how to stop. Rejects
   * `unavailable` when the server refuses.
   */
  subscribe?(listener: ChangeListener): Promise<() => void>
  /**
   * What anybody may have written to nodes, names and chunks since `mark` was returned, as far as the tables show it
   * without an index of their own: never what was removed, and with SQLite no compaction. Without a mark, or when there
   * is too much to tell, no changes are given: read everything. Engines that push have no need of it.
   */
  recentChanges?(
    mark: string | undefined,
  ): Promise<{ readonly mark: string; readonly changes?: readonly RecentChange[] }>
  /** What the server's version, settings, rights and state mean for its users, for `doctor`. Servers only. */
  examine?(): Promise<readonly Finding[]>
  /** Bytes that the metadata of all volumes take there, and how many there may be; null: no limit is known. */
  space?(): Promise<{ readonly usedBytes: number; readonly limitBytes: number | null }>
  /** The server's wall clock, Unix milliseconds. Servers only. */
  serverTimeMs?(): Promise<number>
  /** Grows when the server is met again after a crash, which may have taken back what it had told. */
  readonly crashes?: number
  /** Answers of commits arrive in the order in which they were applied (one connection). */
  readonly ordered?: boolean
  /** Remove every record of the volume. */
  destroy(): Promise<void>
  close(): Promise<void>
}

/** What it takes to make, move or remove an entry with some extended attributes: a copy guards and makes six others. */
export const RECORDS_PER_ENTRY = 8

/** Entries that callers may put into one commit: `most` where the engine bears them. */
export function entriesAtOnce({ maxRecords = Number.POSITIVE_INFINITY }: MetaEngine, most: number): number {
  return Math.min(most, Math.floor(maxRecords / RECORDS_PER_ENTRY))
}
