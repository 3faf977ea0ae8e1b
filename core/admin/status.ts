/** Setting, usage and sessions of a volume. Source: shared/spec/admin-tools.md §5.1. */
import { rootContext } from '#core/base/context.ts'
import { inoText, ROOT_INO, TRASH_INO } from '#core/base/ino.ts'
import { type SessionRecord, TYPE_FILE } from '#core/meta/records.ts'
import { publicSetting } from '#core/meta/setting-secrets.ts'
import { pages } from './pages.ts'
import type { AdminParts } from './parts.ts'
import { walk } from './walk.ts'

export interface SessionStatus {
  readonly Sid: number
  readonly Expire: string
  readonly Version: string
  readonly HostName: string
  readonly IPAddrs?: readonly string[]
  readonly MountPoint: string
  readonly MountTime?: string
  readonly ProcessID: number
}

export interface MoreStat {
  readonly TrashFileCount: number
  readonly TrashFileSize: number
  readonly PendingDeletedFileCount: number
  readonly PendingDeletedFileSize: number
  readonly TrashSliceCount: number
  readonly TrashSliceSize: number
  readonly PendingDeletedSliceCount: number
  readonly PendingDeletedSliceSize: number
}

/** With the keys the reference prints, so that scripts can read either. */
export async function volumeStatus({ engine, meta, setting }: AdminParts, signal?: AbortSignal) {
  const space = await meta.statfs(rootContext(signal), ROOT_INO)
  const sessions: SessionStatus[] = []
  for await (const record of pages(engine, { kind: 'sessions' }, signal)) sessions.push(sessionStatus(record))
  return {
    Setting: publicSetting(setting),
    Sessions: sessions.sort((a, b) => a.Sid - b.Sid),
    Stat: {
      UsedSpace: space.totalSpace - space.availableSpace,
      AvailableSpace: space.availableSpace,
      UsedInodes: space.usedInodes,
      AvailableInodes: space.availableInodes,
    },
  }
}

export function sessionStatus({ sid, expire, info }: SessionRecord): SessionStatus {
  let known: Partial<SessionStatus> = {}
  try {
    known = JSON.parse(info || '{}') as Partial<SessionStatus>
  } catch {}
  return {
    Sid: sid,
    Expire: new Date(expire * 1000).toISOString(),
    Version: known.Version ?? '',
    HostName: known.HostName ?? '',
    ...(known.IPAddrs !== undefined && { IPAddrs: known.IPAddrs }),
    MountPoint: known.MountPoint ?? '',
    ...(known.MountTime !== undefined && { MountTime: known.MountTime }),
    ProcessID: known.ProcessID ?? 0,
  }
}

/** What one session holds: files without a name, locks. */
export async function sessionHoldings(
  { engine }: Pick<AdminParts, 'engine'>,
  sid: number,
  signal?: AbortSignal,
) {
  const Sustained: string[] = []
  const Flocks: { Inode: string; Owner: string; Ltype: string }[] = []
  const Plocks: { Inode: string; Owner: string; Records: unknown[] }[] = []
  for await (const ino of pages(engine, { kind: 'sustained', sid }, signal)) Sustained.push(inoText(ino))
  for await (const { ino, lock } of pages(engine, { kind: 'sessionFlocks', sid }, signal)) {
    Flocks.push({ Inode: inoText(ino), Owner: String(lock.owner), Ltype: lock.type })
  }
  for await (const { ino, lock } of pages(engine, { kind: 'sessionPlocks', sid }, signal)) {
    const Records = lock.ranges.map(({ type, pid, start, end }) => ({
      Type: type,
      Pid: pid,
      Start: String(start),
      End: String(end),
    }))
    Plocks.push({ Inode: inoText(ino), Owner: String(lock.owner), Records })
  }
  return { Sustained, Flocks, Plocks }
}

/** Space that deleted and replaced data still take. */
export async function moreStat({ engine, meta }: AdminParts, signal?: AbortSignal): Promise<MoreStat> {
  const trash = { files: 0, bytes: 0 }
  for await (const { node } of walk(meta, rootContext(signal), TRASH_INO, '/.trash', { signal })) {
    if (node?.type !== TYPE_FILE) continue
    trash.files++
    trash.bytes += node.length
  }
  const files = { count: 0, bytes: 0 }
  for await (const { length } of pages(engine, { kind: 'deletedFiles' }, signal)) {
    files.count++
    files.bytes += length
  }
  const delayed = { count: 0, bytes: 0 }
  for await (const { slices } of pages(engine, { kind: 'delayedSlices' }, signal)) {
    delayed.count += slices.length
    for (const { size } of slices) delayed.bytes += size
  }
  const unused = { count: 0, bytes: 0 }
  for await (const { size } of pages(engine, { kind: 'unusedSlices' }, signal)) {
    unused.count++
    unused.bytes += size
  }
  return {
    TrashFileCount: trash.files,
    TrashFileSize: trash.bytes,
    PendingDeletedFileCount: files.count,
    PendingDeletedFileSize: files.bytes,
    TrashSliceCount: delayed.count,
    TrashSliceSize: delayed.bytes,
    PendingDeletedSliceCount: unused.count,
    PendingDeletedSliceSize: unused.bytes,
  }
}
