/**
 * What the operations of one mounted volume share. Each part is a file of its own; operations in `ops/` are
 * functions over this.
 */
import type { Clock } from '#core/base/clock.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Log } from '#core/base/log.ts'
import type { Metrics } from '#core/base/metrics.ts'
import type { Random } from '#core/base/random.ts'
import type { TaskSet } from '#core/base/tasks.ts'
import type { Change, MetaEngine } from './engine.ts'
import type { Lease } from './lease.ts'
import type { AclRule, NodeRecord, Quota } from './records.ts'
import type { RemovedNodes } from './removed.ts'
import type { VolumeSetting } from './setting.ts'
import type { Tx } from './tx.ts'
import type { WriteHealth } from './write-health.ts'

export interface MetaOptions {
  readonly readOnly: boolean
  readonly atimeMode: 'noatime' | 'relatime' | 'strictatime'
  /** Skip parent mtime/ctime updates younger than this. We default to 0: always update. */
  readonly skipDirMtimeMs: number
  /** Seconds; 0 = a year without refresh. */
  readonly heartbeatSec: number
  /** No clean-up jobs for the volume on this client. */
  readonly noBackgroundJobs: boolean
  /** Concurrent slice deletions; 0 = never delete objects. */
  readonly maxDeletes: number
}

export interface MetaState {
  readonly engine: MetaEngine
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly metrics: Metrics
  readonly tasks: TaskSet
  readonly options: MetaOptions
  /** Re-read at every heartbeat. */
  setting: VolumeSetting
  /** 0 until a session is registered, and always for read-only clients. */
  sid: number
  /** The stored inode that the caller's inode 1 means (`--subdir`); ROOT_INO without. */
  rootIno: Ino
  readonly ids: Ids
  readonly openFiles: OpenFiles
  readonly removed: RemovedNodes
  readonly accounts: Accounts
  readonly acls: Acls
  readonly deletions: Deletions
  readonly writes: WriteHealth
  readonly lease: Lease
  readonly remembered: Remembered
}

/** What this process has seen and may lose at any time; owned by trash.ts and ops/getattr.ts. */
export interface Remembered {
  /** The trash directory of an hour (hours since 1970). */
  trashHour: { readonly hour: number; readonly ino: Ino } | undefined
  /** Last seen attributes of the root and the trash root: the answer when the engine is slow or down. */
  readonly roots: Map<Ino, NodeRecord>
}

/** ids.ts: numbers handed out from batches reserved in the engine (1024 inodes, 4096 slices). */
export interface Ids {
  nextInode(): Promise<Ino>
  nextSlice(): Promise<number>
}

/** open-files.ts: which inodes this client has open, and which of those lost their last link. */
export interface OpenFiles {
  /** Count one more open; returns the new count. */
  open(ino: Ino): number
  /** Count one less; true when it was the last and the inode had been marked `orphan`. */
  close(ino: Ino): boolean
  isOpen(ino: Ino): boolean
  /** The last link is gone while open here: whoever closes last deletes it. */
  orphan(ino: Ino): void
  isOrphan(ino: Ino): boolean
  /** An orphan has got a name (linkat of an O_TMPFILE file). */
  adopt(ino: Ino): void
  /** A commit that deletes the file is under way; opens of it wait until the returned function is called. */
  removing(ino: Ino): () => void
  /** Resolves when no deletion of the file is under way; undefined when none is. */
  settled(ino: Ino): Promise<void> | undefined
}

/** accounts.ts: usage, limits and directory statistics. */
export interface Accounts {
  /**
   * Refuse growth beyond a limit: user and group quota (EDQUOT), volume (ENOSPC), quotas of the given
   * directories and their ancestors (EDQUOT). Nothing is checked when both deltas are <= 0. With `tx`, the
   * ancestors read here are not read again by `directory` and `quotas` of the same try.
   */
  check(
    op: string,
    growth: {
      readonly uid: number
      readonly gid: number
      readonly space: number
      readonly inodes: number
      readonly parents: readonly Ino[]
    },
    tx?: Tx,
  ): Promise<void>
  /** Only the quotas of `dir` and its ancestors (a hard link, a tree that changes its quota domain). */
  checkDirectory(op: string, dir: Ino, space: number, inodes: number): Promise<void>
  /** Changes for volume totals and the owner's usage. Empty when both are 0. */
  volume(uid: number, gid: number, space: number, inodes: number): readonly Change[]
  /** Changes that move a node's usage to another owner (chown). */
  chown(from: Owner, to: Owner, space: number, inodes: number): readonly Change[]
  /**
   * Add the changes for one directory's statistics and the quotas of it and its ancestors to `tx`, and arrange for
   * a missing statistics record to be recomputed.
   */
  directory(tx: Tx, dir: Ino, length: number, space: number, inodes: number): Promise<void>
  /** Only the quotas of `dir` and its ancestors (rename of a tree between quota domains, clone). */
  quotas(tx: Tx, dir: Ino, space: number, inodes: number): Promise<void>
  /** The nearest directory at or above `dir` that has a quota; undefined when none has. */
  nearestQuota(dir: Ino): Promise<Ino | undefined>
  /** Directories that hold an entry of the node, once per entry. */
  parentsOf(ino: Ino, node: NodeRecord): Promise<readonly Ino[]>
  /** Quotas of `dir` and its ancestors as stored now, nearest first. */
  quotasAbove(dir: Ino): Promise<readonly Quota[]>
  /** Volume totals, asked from the engine; those last known when it needs longer than 150 ms. */
  totals(): Promise<{ readonly space: number; readonly inodes: number }>
  /** Re-read quotas and totals from the engine (heartbeat). The first use does so by itself. */
  reload(): Promise<void>
  /** Background counts that wait for other clients give up. */
  stop(): void
}

export type Owner = Pick<NodeRecord, 'uid' | 'gid'>

/** acls.ts: ACL rules by id, interned by content. */
export interface Acls {
  /** EIO when an attribute points to a rule that is not there. */
  get(id: number): Promise<AclRule>
  /** The id of an equal rule, made if there is none. */
  intern(rule: AclRule): Promise<number>
}

/** deletions.ts: data of deleted files and of slices without users, removed in the background. */
export interface Deletions {
  /** A deletedFile record was committed: remove its chunks, references and objects soon. */
  file(ino: Ino, length: number): void
  /** A slice has no user left. */
  slice(id: number, size: number): void
}
