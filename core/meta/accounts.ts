/**
 * Usage, limits and directory statistics. The figures themselves change inside the commits they belong to and
 * are exact; this part says which changes those are, and refuses growth beyond a limit.
 * Source: shared/spec/fs-semantics.md §4; meta-records.md §15.
 */
import { setMaxListeners } from 'node:events'
import { EDQUOT, EIO, ENOSPC, fail } from '#core/base/errno.ts'
import { type Ino, isTrash, ROOT_INO, TRASH_INO } from '#core/base/ino.ts'
import type { TaskSet } from '#core/base/tasks.ts'
import { Allowance, fits } from './allowance.ts'
import { restoreDirStat, type StatsHost } from './dir-stats.ts'
import type { Change, RecordKey } from './engine.ts'
import type { NodeRecord, Quota, QuotaKind } from './records.ts'
import type { VolumeSetting } from './setting.ts'
import type { Accounts, Owner } from './state.ts'
import type { Tx } from './tx.ts'

const PAGE = 1000
const TOTALS_TIMEOUT_MS = 150
/** Directories whose parent is remembered. */
const MAX_PARENTS = 100_000
const MAX_DEPTH = 10_000

/** The state being built: `setting` is read at every use, so that a reloaded one counts at once. */
export interface AccountsHost extends StatsHost {
  readonly tasks: TaskSet
  readonly setting: VolumeSetting
}

interface DirQuota {
  readonly dir: Ino
  readonly quota: Quota
}

interface Totals {
  readonly space: number
  readonly inodes: number
}

type Growth = Parameters<Accounts['check']>[1]

export function createAccounts(host: AccountsHost): Accounts {
  return new EngineAccounts(host)
}

class EngineAccounts implements Accounts {
  readonly #host: AccountsHost
  readonly #volume: Allowance
  #totals: Totals = { space: 0, inodes: 0 }
  /** Directories with a quota; empty on most volumes, and then nobody climbs. */
  #quotaDirs: ReadonlySet<Ino> = new Set()
  /** Only users and groups with a limit. */
  #limits: Readonly<Record<'user' | 'group', ReadonlyMap<number, Allowance>>> = {
    user: new Map(),
    group: new Map(),
  }
  #loading: Promise<void> | undefined
  #loaded = false
  /** Where each directory was seen last: a guess that every climb verifies. */
  readonly #parents = new Map<Ino, Ino>()
  readonly #climbs = new WeakMap<Tx, Map<Ino, Promise<readonly DirQuota[]>>>()
  readonly #restoring = new Set<Ino>()
  readonly #stopping = new AbortController()

  constructor(host: AccountsHost) {
    this.#host = host
    setMaxListeners(0, this.#stopping.signal)
    this.#volume = new Allowance(async () => this.#volumeQuota(await this.#readTotals()))
  }

  async check(op: string, growth: Growth, tx?: Tx): Promise<void> {
    const { space, inodes } = growth
    if (space <= 0 && inodes <= 0) return
    if (!this.#loaded) await this.#load()
    await this.#checkOwner(op, 'user', growth.uid, growth)
    await this.#checkOwner(op, 'group', growth.gid, growth)
    const { Capacity = 0, Inodes = 0 } = this.#host.setting
    if ((Capacity > 0 || Inodes > 0) && !(await this.#volume.admits(space, inodes))) {
      throw fail(ENOSPC, op, 'the volume is full')
    }
    if (!this.#hasQuotaDirs()) return
    const wanted = new Map<Ino, { quota: Quota; entries: number }>()
    for (const parent of growth.parents) {
      for (const { dir, quota } of await this.#climb(parent, tx)) {
        wanted.set(dir, { quota, entries: (wanted.get(dir)?.entries ?? 0) + 1 })
      }
    }
    for (const [dir, { quota, entries }] of wanted)
      requireFit(op, dir, quota, space * entries, inodes * entries)
  }

  async checkDirectory(op: string, dir: Ino, space: number, inodes: number): Promise<void> {
    if (space <= 0 && inodes <= 0) return
    for (const above of await this.#quotasOf(dir)) requireFit(op, above.dir, above.quota, space, inodes)
  }

  volume(uid: number, gid: number, space: number, inodes: number): readonly Change[] {
    if (space === 0 && inodes === 0) return []
    return [{ kind: 'addUsage', space, inodes }, ...this.#owner({ uid, gid }, space, inodes)]
  }

  chown(from: Owner, to: Owner, space: number, inodes: number): readonly Change[] {
    if (from.uid === to.uid && from.gid === to.gid) return []
    return [...this.#owner(from, -space, -inodes), ...this.#owner(to, space, inodes)]
  }

  async directory(tx: Tx, dir: Ino, length: number, space: number, inodes: number): Promise<void> {
    if (!this.#host.setting.DirStats || dir === TRASH_INO) return
    if (length === 0 && space === 0 && inodes === 0) return
    const at = tx.change({ kind: 'addDirStat', ino: dir, length, space, inodes })
    tx.onCommit((replies) => {
      if (replies[at] === 0) this.#restore(dir)
    })
    await this.quotas(tx, dir, space, inodes)
  }

  async quotas(tx: Tx, dir: Ino, space: number, inodes: number): Promise<void> {
    if (space === 0 && inodes === 0) return
    for (const above of await this.#quotasOf(dir, tx)) {
      tx.change({ kind: 'addQuotaUsage', of: 'dir', id: above.dir, space, inodes })
    }
  }

  async nearestQuota(dir: Ino): Promise<Ino | undefined> {
    return (await this.#quotasOf(dir))[0]?.dir
  }

  async quotasAbove(dir: Ino): Promise<readonly Quota[]> {
    return (await this.#quotasOf(dir)).map(({ quota }) => quota)
  }

  async parentsOf(ino: Ino, node: NodeRecord): Promise<readonly Ino[]> {
    if (node.nlink === 0) return []
    if (node.parent !== 0) return [node.parent]
    const [parents] = await this.#host.engine.read([{ kind: 'parents', ino }])
    return (parents ?? []).flatMap(({ parent, links }) => new Array<Ino>(Math.max(0, links)).fill(parent))
  }

  async totals(): Promise<Totals> {
    const stop = new AbortController()
    const late = this.#host.clock.sleep(TOTALS_TIMEOUT_MS, stop.signal).catch(() => undefined)
    const read = this.#readTotals().catch(() => undefined)
    await Promise.race([read, late])
    stop.abort()
    return this.#totals
  }

  async reload(): Promise<void> {
    const { setting } = this.#host
    const totals = await this.#readTotals()
    const quotaDirs = new Set<Ino>()
    if (setting.DirStats) for await (const { id } of this.#listQuotas('dir')) quotaDirs.add(id)
    const limits = { user: new Map<number, Allowance>(), group: new Map<number, Allowance>() }
    if (setting.UserGroupQuota) {
      for (const kind of ['user', 'group'] as const) {
        for await (const quota of this.#listQuotas(kind)) {
          if (quota.maxSpace > 0 || quota.maxInodes > 0)
            limits[kind].set(quota.id, this.#allowance(kind, quota))
        }
      }
    }
    this.#volume.learn(this.#volumeQuota(totals))
    this.#quotaDirs = quotaDirs
    this.#limits = limits
    this.#loaded = true
  }

  stop(): void {
    this.#stopping.abort()
  }

  /** The first load; many may want it at once. */
  #load(): Promise<void> {
    this.#loading ??= this.reload().finally(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  #volumeQuota({ space, inodes }: Totals): Quota {
    const { Capacity = 0, Inodes = 0 } = this.#host.setting
    return { maxSpace: Capacity, maxInodes: Inodes, usedSpace: space, usedInodes: inodes }
  }

  async #readTotals(): Promise<Totals> {
    const [space, inodes] = await this.#host.engine.read([
      { kind: 'counter', name: 'usedSpace' },
      { kind: 'counter', name: 'totalInodes' },
    ])
    this.#totals = { space: Math.max(0, space ?? 0), inodes: Math.max(0, inodes ?? 0) }
    return this.#totals
  }

  async *#listQuotas(of: QuotaKind): AsyncGenerator<Quota & { readonly id: number }> {
    let after: string | undefined
    do {
      const page = await this.#host.engine.list({ kind: 'quotas', of }, { after, limit: PAGE })
      yield* page.items
      after = page.next
    } while (after !== undefined)
  }

  #allowance(of: QuotaKind, quota: Quota & { readonly id: number }): Allowance {
    const allowance = new Allowance(async () => {
      const [stored] = await this.#host.engine.read([{ kind: 'quota', of, id: quota.id }])
      return stored ?? { maxSpace: -1, maxInodes: -1, usedSpace: 0, usedInodes: 0 }
    })
    allowance.learn(quota)
    return allowance
  }

  async #checkOwner(op: string, kind: 'user' | 'group', id: number, growth: Growth): Promise<void> {
    const limit = this.#limits[kind].get(id)
    if (limit === undefined || (await limit.admits(growth.space, growth.inodes))) return
    throw fail(EDQUOT, op, `quota of ${kind} ${id}`)
  }

  #owner({ uid, gid }: Owner, space: number, inodes: number): readonly Change[] {
    if (!this.#host.setting.UserGroupQuota) return []
    return [
      { kind: 'addQuotaUsage', of: 'user', id: uid, space, inodes },
      { kind: 'addQuotaUsage', of: 'group', id: gid, space, inodes },
    ]
  }

  #hasQuotaDirs(): boolean {
    return this.#quotaDirs.size > 0 && this.#host.setting.DirStats === true
  }

  async #quotasOf(dir: Ino, tx?: Tx): Promise<readonly DirQuota[]> {
    if (!this.#loaded) await this.#load()
    return this.#hasQuotaDirs() ? this.#climb(dir, tx) : []
  }

  /** `#readQuotas`, once per try of an operation. */
  #climb(dir: Ino, tx: Tx | undefined): Promise<readonly DirQuota[]> {
    if (tx === undefined) return this.#readQuotas(dir)
    let climbs = this.#climbs.get(tx)
    if (climbs === undefined) this.#climbs.set(tx, (climbs = new Map()))
    let climb = climbs.get(dir)
    if (climb === undefined) climbs.set(dir, (climb = this.#readQuotas(dir)))
    return climb
  }

  /**
   * Quotas of `dir` and its ancestors, nearest first, none in the trash. The way up is guessed from where the
   * directories were last time and read in one round trip; a wrong guess costs one more.
   */
  async #readQuotas(dir: Ino): Promise<readonly DirQuota[]> {
    const found: DirQuota[] = []
    let from: Ino | undefined = dir
    for (let depth = 0; from !== undefined; ) {
      const path = this.#guessPath(from)
      const withQuota = path.filter((ino) => this.#quotaDirs.has(ino))
      const keys: RecordKey[] = [
        ...path.filter((ino) => !isTop(ino)).map((ino) => ({ kind: 'node', ino }) as const),
        ...withQuota.map((id) => ({ kind: 'quota', of: 'dir', id }) as const),
      ]
      const values = keys.length === 0 ? [] : await this.#host.engine.read(keys)
      const quotas = values.slice(values.length - withQuota.length) as (Quota | null)[]
      from = undefined
      for (const [k, ino] of path.entries()) {
        const quota = quotas[withQuota.indexOf(ino)]
        if (quota) found.push({ dir: ino, quota })
        if (isTop(ino)) break
        const parent = (values[k] as NodeRecord | null)?.parent ?? 0
        if (parent === 0) break
        this.#remember(ino, parent)
        if (path[k + 1] === parent) continue
        from = parent
        break
      }
      depth += path.length
      if (depth > MAX_DEPTH) throw fail(EIO, 'quota', `directory ${dir} has no way up to the root`)
    }
    return found
  }

  #guessPath(from: Ino): Ino[] {
    const path = [from]
    for (let at = from; !isTop(at) && path.length < MAX_DEPTH; ) {
      const parent = this.#parents.get(at)
      if (parent === undefined || path.includes(parent)) break
      path.push((at = parent))
    }
    return path
  }

  #remember(dir: Ino, parent: Ino): void {
    if (this.#parents.size >= MAX_PARENTS) this.#parents.clear()
    this.#parents.set(dir, parent)
  }

  #restore(dir: Ino): void {
    if (this.#restoring.has(dir)) return
    this.#restoring.add(dir)
    const done = () => void this.#restoring.delete(dir)
    this.#host.tasks.start('restore directory statistics', () =>
      restoreDirStat(this.#host, dir, this.#stopping.signal).then(done, (error: unknown) => {
        done()
        throw error
      }),
    )
  }
}

/** Where the way up ends. */
function isTop(ino: Ino): boolean {
  return ino === ROOT_INO || isTrash(ino)
}

function requireFit(op: string, dir: Ino, quota: Quota, space: number, inodes: number): void {
  if (!fits(quota, space, inodes)) throw fail(EDQUOT, op, `quota of directory ${dir}`)
}
