/** Looking after an opened volume, by name and with plain data: setting, sessions, space, checks, clean-up, removal. */
import { lastBackup } from '#core/admin/backup/job.ts'
import { changeSetting, type SettingChanges } from '#core/admin/change-setting.ts'
import { examineMetadata } from '#core/admin/doctor/metadata.ts'
import { dumpVolume } from '#core/admin/dump/dump.ts'
import { DumpFile } from '#core/admin/dump/dump-file.ts'
import { fsck } from '#core/admin/fsck.ts'
import { collectGarbage } from '#core/admin/gc.ts'
import { forEachParallel } from '#core/admin/pages.ts'
import { moreStat, type SessionStatus, volumeStatus } from '#core/admin/status.ts'
import { restoreTrash } from '#core/admin/trash.ts'
import { EINVAL, fail } from '#core/base/errno.ts'
import type { Finding } from '#core/base/finding.ts'
import { inoText } from '#core/base/ino.ts'
import { silentLog } from '#core/base/log.ts'
import { Refusal } from '#core/base/refusal.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import { loadSetting, updateSetting } from '#core/meta/open-meta.ts'
import { cleanStaleSessions } from '#core/meta/sessions.ts'
import { unwrapSecrets, wrapSecrets } from '#core/meta/setting-secrets.ts'
import { expireTrash } from '#core/meta/trash.ts'
import { probeStore } from '#core/object/open-store.ts'
import type { Args } from './arguments.ts'
import { openStoreOf } from './open-stored.ts'
import type { Volume } from './open-volume.ts'
import { formatOf } from './volume-format.ts'

export interface CareJob {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: unknown) => void
}
type Operation = (volume: Volume, args: Args, job: CareJob) => Promise<unknown>

export const CARE_OPERATIONS: Readonly<Record<string, Operation>> = {
  format: async ({ setting }) => formatOf(setting),
  changeFormat,
  sessions,
  health,
  space,
  fsck: check,
  gc,
  restoreHours,
  emptyTrash,
  dump,
  destroy,
}

const THREADS = 10
const MIN_AGE_SEC = 3600
const HOUR_SEC = 3600
const DELETES_AT_A_TIME = 50
const ITEMS_KEPT = 1000

/** What other clients see, too: they take it over with their next heartbeat. */
async function changeFormat({ engine }: Volume, args: Args): Promise<readonly string[]> {
  const stored = await loadSetting(engine)
  const changes: SettingChanges = {
    Capacity: args.capacityBytes as number | undefined,
    Inodes: args.inodes as number | undefined,
    TrashDays: args.trashDays as number | undefined,
    EnableACL: args.acl as boolean | undefined,
    UploadLimit: args.uploadMbps as number | undefined,
    DownloadLimit: args.downloadMbps as number | undefined,
    Bucket: args.bucket as string | undefined,
    AccessKey: args.accessKey as string | undefined,
    SecretKey: args.secretKey as string | undefined,
  }
  const { setting, lines, storageChanged } = changeSetting(unwrapSecrets(stored), changes)
  if (storageChanged) {
    const store = await openStoreOf({ ...setting, EncryptKey: undefined }, {}, { log: silentLog })
    await probeStore(store).finally(() => store.close())
  }
  await updateSetting(engine, wrapSecrets(setting))
  return lines
}

async function sessions(volume: Volume, _args: Args, { signal }: CareJob) {
  const { Sessions } = await volumeStatus(volume, signal)
  return Sessions.map((session: SessionStatus) => ({
    sid: String(session.Sid),
    host: session.HostName,
    addresses: session.IPAddrs ?? [],
    mountPoint: session.MountPoint,
    version: session.Version,
    pid: session.ProcessID,
    sinceMs: session.MountTime === undefined ? null : Date.parse(session.MountTime) || null,
    expiresMs: Date.parse(session.Expire),
  }))
}

async function health(volume: Volume) {
  // What an engine says about its server goes past the cache in front of it.
  const { uncached } = volume.engine as { readonly uncached?: MetaEngine }
  const engine = uncached ?? volume.engine
  const { findings, figures } = await examineMetadata(engine)
  const { backup } = volume
  const [inodes] = await engine.read([{ kind: 'counter', name: 'totalInodes' }])
  const size = await engine.space?.()
  return {
    roundTripMs: figures?.roundTrip.medianMs ?? null,
    usedBytes: size?.usedBytes ?? null,
    limitBytes: size?.limitBytes ?? null,
    inodes: Number(inodes ?? 0),
    lastBackupMs: (await lastBackupMs(engine)) ?? null,
    findings: backup?.error === undefined ? findings : [...findings, backupFinding(backup.error)],
  }
}

/** By any client, into the bucket. */
async function lastBackupMs(engine: MetaEngine): Promise<number | undefined> {
  const last = await lastBackup(engine)
  return last === undefined ? undefined : last * 1000
}

function backupFinding(error: string): Finding {
  return {
    level: 'warning',
    code: 'backup-failed',
    sentence: `The last backup of the metadata failed: ${error}${error.endsWith('.') ? '' : '.'}`,
    next: 'mend the cause; it is tried again by itself, and `pomelo backup now` does it at once',
  }
}

/** Bytes by what they are for. */
async function space(volume: Volume, _args: Args, { signal, onProgress }: CareJob) {
  onProgress?.({ step: 'counting', done: 0 })
  const { Stat } = await volumeStatus(volume, signal)
  const more = await moreStat(volume, signal)
  return {
    liveBytes: Math.max(0, Stat.UsedSpace - more.TrashFileSize),
    trashBytes: more.TrashFileSize,
    pendingDeleteBytes: more.PendingDeletedFileSize + more.PendingDeletedSliceSize,
    supersededBytes: more.TrashSliceSize,
  }
}

async function check(volume: Volume, args: Args, { signal, onProgress }: CareJob) {
  const repair = args.repair === true
  const report = await fsck(
    volume,
    {
      path: typeof args.path === 'string' && args.path !== '/' ? args.path : undefined,
      recursive: true,
      syncDirStat: false,
      repair: repair
        ? { dirMode: 0o755, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
        : undefined,
    },
    { signal, onProgress: ({ step, count }) => onProgress?.({ step, done: count }) },
  )
  const { data, problems, paths } = report
  const broken = data.broken.flatMap(({ ino, ranges }) => {
    const note = ranges.slice(0, 3).map(({ start, end }) => `bytes ${start} to ${end - 1}`)
    const named = paths.get(ino) ?? []
    return (named.length > 0 ? named : [`inode ${inoText(ino)}`]).map((path) => ({
      path,
      note: note.join(', '),
    }))
  })
  return {
    slices: data.slices,
    blocks: data.blocks,
    lostBlocks: data.lostBlocks,
    lostBytes: data.lostBytes,
    unknownBlocks: data.unknownBlocks,
    brokenFiles: data.broken.length,
    broken: broken.slice(0, ITEMS_KEPT),
    problems: problems.length,
    repaired: problems.filter(({ outcome }) => outcome === 'repaired').length,
  }
}

async function gc(volume: Volume, args: Args, { signal, onProgress }: CareJob) {
  const compactChunk = (ino: number, index: number) => volume.vfs.compactChunk(ino, index, signal)
  return collectGarbage(
    volume,
    {
      delete: args.delete === true,
      compact: args.compact === true ? { compactChunk, threads: THREADS } : undefined,
      threads: THREADS,
      minAgeSec: MIN_AGE_SEC,
    },
    { signal, onProgress: ({ step, report }) => onProgress?.({ step, done: report.scanned.count }) },
  )
}

async function restoreHours(volume: Volume, args: Args, { signal, onProgress }: CareJob) {
  const hours = (args.hours as readonly unknown[]).map(String)
  const options = { inTrash: false, threads: THREADS }
  return restoreTrash(volume, hours, options, {
    signal,
    onProgress: ({ restored }) => onProgress?.({ step: 'restoring', done: restored }),
  })
}

/** Everything in it, for good. An hour directory is as old as its hour's end. */
async function emptyTrash({ state, clock }: Volume, _args: Args, { signal, onProgress }: CareJob) {
  onProgress?.({ step: 'removing', done: 0 })
  return { removed: await expireTrash(state, clock.nowSec() + HOUR_SEC, signal) }
}

/** To a file of this computer; secrets of the setting are left out. It is there only once it is complete. */
async function dump({ engine }: Volume, args: Args, { signal, onProgress }: CareJob) {
  const file = new DumpFile(String(args.file))
  let entries = 0
  try {
    await dumpVolume(engine, { format: 'json', threads: THREADS }, file, {
      signal,
      onProgress: (progress) => {
        entries = progress.entries
        onProgress?.({ step: 'writing metadata', done: progress.entries, total: progress.total || null })
      },
    })
    await file.finish()
  } catch (error) {
    await file.abandon()
    throw error
  }
  return { entries }
}

/** Every object and all metadata. Refused while any client has the volume mounted. */
async function destroy(volume: Volume, args: Args, { signal, onProgress }: CareJob) {
  const { setting, store, engine, state } = volume
  if (args.uuid !== setting.UUID) throw fail(EINVAL, 'destroy', 'another volume is meant')
  await cleanStaleSessions(state)
  const { Sessions } = await volumeStatus(volume)
  if (Sessions.length > 0) {
    const who = Sessions.map(({ HostName, MountPoint }) => `${HostName} at ${MountPoint}`).join(', ')
    throw new Refusal(`volume ${setting.Name} is mounted by ${who}`, 'unmount it there first')
  }
  let removed = 0
  let failed = 0
  await forEachParallel(store.list('', { signal }), DELETES_AT_A_TIME, async ({ key }) => {
    signal?.throwIfAborted()
    await store.delete(key, { signal }).then(
      () => removed++,
      () => failed++,
    )
    onProgress?.({ step: 'removing objects', done: removed })
  })
  await engine.destroy()
  return { removed, failed }
}
