/** Limits of directories, users and groups. Source: shared/spec/admin-tools.md §6, meta-records.md §15. */
import { systemClock } from '#core/base/clock.ts'
import { rootContext } from '#core/base/context.ts'
import { ENOENT, FsError } from '#core/base/errno.ts'
import { type Ino, inoText, isTrash, ROOT_INO, TRASH_INO } from '#core/base/ino.ts'
import { nameFromText } from '#core/base/name.ts'
import { systemRandom } from '#core/base/random.ts'
import { Refusal } from '#core/base/refusal.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import { loadSetting, updateSetting } from '#core/meta/open-meta.ts'
import { type Quota, type QuotaKind, spaceOf, TYPE_DIRECTORY } from '#core/meta/records.ts'
import { run } from '#core/meta/tx.ts'
import { pages } from './pages.ts'
import type { AdminParts, Job } from './parts.ts'
import { resolvePath } from './paths.ts'

export type QuotaTarget =
  | { readonly kind: 'dir'; readonly path: string }
  | { readonly kind: 'user' | 'group'; readonly id: number }

export interface QuotaRow {
  readonly kind: QuotaKind
  /** A path, `inode:N` when it has none, `uid:N`, `gid:N`. */
  readonly name: string
  /** <= 0: no limit. */
  readonly maxSpace: number
  readonly maxInodes: number
  readonly usedSpace: number
  readonly usedInodes: number
}

export interface QuotaDifference extends QuotaRow {
  readonly realSpace: number
  readonly realInodes: number
}

export interface SetQuota {
  /** Bytes; absent: as it is. */
  readonly maxSpace?: number
  readonly maxInodes?: number
  /** Count entry by entry. */
  readonly strict?: boolean
  /** Make missing directories. */
  readonly create?: boolean
}

interface Usage {
  readonly space: number
  readonly inodes: number
}

const UNLIMITED = -1
const BATCH = 200

/** Set limits; a new record starts with what is used now. */
export async function setQuota(
  parts: AdminParts,
  target: QuotaTarget,
  wish: SetQuota,
  job: Job<Usage>,
): Promise<QuotaRow> {
  if (wish.maxSpace === undefined && wish.maxInodes === undefined)
    throw new Refusal('no limit given', 'add --capacity or --inodes')
  const id =
    target.kind === 'dir'
      ? await directoryOf(parts, target.path, wish.create === true, job.signal)
      : target.id
  await switchOn(parts, target.kind, job)
  const [there] = await parts.engine.read([{ kind: 'quota', of: target.kind, id }])
  const counts = there === null && target.kind === 'dir'
  const used = counts ? await usageBelow(parts, id, wish.strict === true, job) : { space: 0, inodes: 0 }
  const quota = await replaceQuota(parts.engine, target.kind, id, (before) => ({
    maxSpace: wish.maxSpace ?? before?.maxSpace ?? UNLIMITED,
    maxInodes: wish.maxInodes ?? before?.maxInodes ?? UNLIMITED,
    usedSpace: before?.usedSpace ?? used.space,
    usedInodes: before?.usedInodes ?? used.inodes,
  }))
  return row(parts, target.kind, id, quota)
}

export async function getQuota(parts: AdminParts, target: QuotaTarget): Promise<QuotaRow> {
  const id = await idOf(parts, target)
  const [quota] = await parts.engine.read([{ kind: 'quota', of: target.kind, id }])
  if (quota === null || isUnlimited(quota)) throw new Refusal(`there is no quota on ${targetText(target)}`)
  return row(parts, target.kind, id, quota)
}

export async function listQuotas(parts: AdminParts, signal?: AbortSignal): Promise<readonly QuotaRow[]> {
  const rows: QuotaRow[] = []
  for (const kind of ['dir', 'user', 'group'] as const) {
    for await (const quota of pages(parts.engine, { kind: 'quotas', of: kind }, signal)) {
      if (!isUnlimited(quota)) rows.push(await row(parts, kind, quota.id, quota))
    }
  }
  return rows
}

/** A user's or group's record stays to count usage; only its limits go. */
export async function deleteQuota(parts: AdminParts, target: QuotaTarget): Promise<void> {
  const id = await idOf(parts, target)
  const [quota] = await parts.engine.read([{ kind: 'quota', of: target.kind, id }])
  if (quota === null) throw new Refusal(`there is no quota on ${targetText(target)}`)
  if (target.kind === 'dir') {
    await parts.engine.commit('quota', [], [{ kind: 'delQuota', of: 'dir', id }])
    return
  }
  const unlimited = { maxSpace: UNLIMITED, maxInodes: UNLIMITED }
  await replaceQuota(parts.engine, target.kind, id, (before) => ({ ...(before ?? quota), ...unlimited }))
}

/** Change a record while others may be adding to its usage. Returns what was stored. */
function replaceQuota(
  engine: MetaEngine,
  kind: QuotaKind,
  id: number,
  change: (before: Quota | null) => Quota,
): Promise<Quota> {
  return run({ engine, clock: systemClock, random: systemRandom }, 'quota', async (tx) => {
    const key = { kind: 'quota', of: kind, id } as const
    const [before] = await tx.read([key])
    const quota = change(before)
    tx.guard({ kind: 'recordIs', key, is: before })
    tx.change({ kind: 'putQuota', of: kind, id, quota })
    return quota
  })
}

/** Stored usage that differs from what is there; without a target, of all. With `repair` it is put right. */
export async function checkQuotas(
  parts: AdminParts,
  target: QuotaTarget | undefined,
  repair: boolean,
  job: Job<Usage>,
): Promise<readonly QuotaDifference[]> {
  const differences: QuotaDifference[] = []
  const compare = async (kind: QuotaKind, id: number, stored: Quota | null, real: Usage) => {
    const quota = stored ?? { maxSpace: UNLIMITED, maxInodes: UNLIMITED, usedSpace: 0, usedInodes: 0 }
    if (quota.usedSpace === real.space && quota.usedInodes === real.inodes) return
    differences.push({
      ...(await row(parts, kind, id, quota)),
      realSpace: real.space,
      realInodes: real.inodes,
    })
    if (!repair) return
    const corrected = { ...quota, usedSpace: real.space, usedInodes: real.inodes }
    await parts.engine.commit('quota', [], [{ kind: 'putQuota', of: kind, id, quota: corrected }])
  }
  const directories: (Quota & { id: number })[] = []
  if (target?.kind === 'dir') {
    const id = await idOf(parts, target)
    const [quota] = await parts.engine.read([{ kind: 'quota', of: 'dir', id }])
    if (quota === null) throw new Refusal(`there is no quota on ${targetText(target)}`)
    directories.push({ id, ...quota })
  } else if (target === undefined) {
    for await (const quota of pages(parts.engine, { kind: 'quotas', of: 'dir' }, job.signal))
      directories.push(quota)
  }
  for (const quota of directories)
    await compare('dir', quota.id, quota, await usageBelow(parts, quota.id, true, job))
  if (target?.kind === 'dir' || !(await loadSetting(parts.engine)).UserGroupQuota) return differences
  const owners = await scanOwners(parts.engine, job)
  for (const kind of ['user', 'group'] as const) {
    const real = owners[kind]
    const stored = new Map<number, Quota>()
    for await (const quota of pages(parts.engine, { kind: 'quotas', of: kind }, job.signal))
      stored.set(quota.id, quota)
    for (const id of new Set([...stored.keys(), ...real.keys()])) {
      if (target !== undefined && (target.kind !== kind || target.id !== id)) continue
      await compare(kind, id, stored.get(id) ?? null, real.get(id) ?? { space: 0, inodes: 0 })
    }
  }
  return differences
}

/** The setting must say that usage is kept; from then on every client does. */
async function switchOn({ engine, clock }: AdminParts, kind: QuotaKind, job: Job<Usage>): Promise<void> {
  const setting = await loadSetting(engine)
  if (kind === 'dir') {
    if (!setting.DirStats) await updateSetting(engine, { ...setting, DirStats: true }, { clock })
    return
  }
  if (setting.UserGroupQuota) return
  await updateSetting(engine, { ...setting, UserGroupQuota: true }, { clock })
  await storeOwnerUsage(engine, job)
}

/** Write the usage of every user and group from a scan of all inodes. Limits stay. */
export async function storeOwnerUsage(engine: MetaEngine, job: Job<Usage>): Promise<void> {
  const owners = await scanOwners(engine, job)
  for (const kind of ['user', 'group'] as const) {
    const entries = [...owners[kind]]
    const size = Math.min(BATCH, engine.maxRecords ?? BATCH)
    for (let at = 0; at < entries.length; at += size) {
      const batch = entries.slice(at, at + size)
      const stored = await engine.read(batch.map(([id]) => ({ kind: 'quota', of: kind, id }) as const))
      await engine.commit(
        'quota',
        [],
        batch.map(([id, { space, inodes }], k) => {
          const { maxSpace = UNLIMITED, maxInodes = UNLIMITED } = stored[k] ?? {}
          return {
            kind: 'putQuota',
            of: kind,
            id,
            quota: { maxSpace, maxInodes, usedSpace: space, usedInodes: inodes },
          } as const
        }),
      )
    }
  }
}

interface OwnerUsage {
  readonly user: ReadonlyMap<number, Usage>
  readonly group: ReadonlyMap<number, Usage>
}

async function scanOwners(engine: MetaEngine, { signal, onProgress }: Job<Usage>): Promise<OwnerUsage> {
  const owners = { user: new Map<number, Usage>(), group: new Map<number, Usage>() }
  const all = { space: 0, inodes: 0 }
  for await (const { ino, node } of pages(engine, { kind: 'allNodes' }, signal)) {
    if (ino === ROOT_INO || ino === TRASH_INO) continue
    const space = spaceOf(node)
    for (const [map, id] of [
      [owners.user, node.uid],
      [owners.group, node.gid],
    ] as const) {
      const { space: before = 0, inodes = 0 } = map.get(id) ?? {}
      map.set(id, { space: before + space, inodes: inodes + 1 })
    }
    all.space += space
    all.inodes++
    onProgress?.(all)
  }
  return owners
}

/** Everything below the directory, without itself. */
async function usageBelow(
  { meta }: AdminParts,
  ino: Ino,
  strict: boolean,
  { signal }: Job<Usage>,
): Promise<Usage> {
  const { space, files, dirs } = await meta.summary(rootContext(signal), ino, { recursive: true, strict })
  return { space: space - 4096, inodes: files + dirs - 1 }
}

async function idOf(parts: AdminParts, target: QuotaTarget): Promise<number> {
  return target.kind === 'dir' ? directoryOf(parts, target.path, false, undefined) : target.id
}

async function directoryOf(
  { meta }: AdminParts,
  path: string,
  create: boolean,
  signal: AbortSignal | undefined,
): Promise<Ino> {
  const ctx = rootContext(signal)
  if (create) await makeDirectories({ meta }, path, signal)
  const place = await resolvePath(meta, ctx, path).catch((error: unknown) => {
    if (error instanceof FsError && error.errno === ENOENT)
      throw new Refusal(`${path} does not exist`, 'add --create to make it', { cause: error })
    throw error
  })
  if (place.node.type !== TYPE_DIRECTORY) throw new Refusal(`${path} is not a directory`)
  if (isTrash(place.ino)) throw new Refusal('the trash cannot have a quota')
  return place.ino
}

async function makeDirectories(
  { meta }: Pick<AdminParts, 'meta'>,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const ctx = rootContext(signal)
  let ino: Ino = ROOT_INO
  for (const part of path.split('/').filter((each) => each !== '')) {
    const name = nameFromText(part)
    const found = await meta.lookup(ctx, ino, name)
    ino = (found ?? (await meta.mknod(ctx, ino, name, { type: TYPE_DIRECTORY, mode: 0o755 }))).ino
  }
}

async function row({ meta }: AdminParts, kind: QuotaKind, id: number, quota: Quota): Promise<QuotaRow> {
  const { maxSpace, maxInodes, usedSpace, usedInodes } = quota
  const name =
    kind === 'dir'
      ? ((await meta.paths(id))[0] ?? `inode:${inoText(id)}`)
      : `${kind === 'user' ? 'uid' : 'gid'}:${id}`
  return { kind, name, maxSpace, maxInodes, usedSpace, usedInodes }
}

function isUnlimited({ maxSpace, maxInodes }: Quota): boolean {
  return maxSpace <= 0 && maxInodes <= 0
}

function targetText(target: QuotaTarget): string {
  return target.kind === 'dir' ? target.path : `${target.kind === 'user' ? 'uid' : 'gid'} ${target.id}`
}
