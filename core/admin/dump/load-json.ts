/**
 * A volume from a JSON dump, entry by entry as the text comes. What follows from the tree is made anew: link counts,
 * parents, slice references, statistics of directories, what quotas and owners use. Held in memory are the way down,
 * one bit for each inode and slice (id-set.ts), and the quotas.
 *
 * Source: shared/spec/admin-tools.md §9.2.
 */
import { type Ino, inoText, isTrash, ROOT_INO, TRASH_INO } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import {
  type NodeRecord,
  type Quota,
  type QuotaKind,
  spaceOf,
  TYPE_DIRECTORY,
  TYPE_FILE,
  TYPE_SYMLINK,
} from '#core/meta/records.ts'
import { parseSetting, type VolumeSetting } from '#core/meta/setting.ts'
import type { DumpedCounter } from './counters.ts'
import { unescapeName } from './escape.ts'
import {
  aclRuleOf,
  chunksOf,
  damaged,
  type EntryMembers,
  inoOf,
  nodeOf,
  numberOf,
  objectOf,
  symlinkOf,
  xattrsOf,
} from './json-entry.ts'
import { type DumpEvent, DumpEvents, type TreeName } from './json-events.ts'
import { Loading, type Usage } from './loading.ts'
import type { DumpJob, DumpReport } from './report.ts'

const UNLIMITED = -1
/** fsck gives a directory whose record was lost the same. */
const LOST_DIR_MODE = 0o755

interface Limits {
  readonly maxSpace: number
  readonly maxInodes: number
}

/** A directory that was entered and not left. */
interface Open {
  readonly ino: Ino
  readonly up: Open | undefined
  subdirs: number
  /** Of its entries. */
  readonly stat: { length: number; space: number; inodes: number }
  /** Of everything below it. */
  readonly below: Usage
}

export type Loaded = DumpReport & {
  readonly setting: VolumeSetting
  readonly counters: Partial<Record<DumpedCounter, number>>
}

/** Fills `loading` from the text; `finish` of it is the caller's. */
export async function loadJson(loading: Loading, text: AsyncIterable<string>, job: DumpJob): Promise<Loaded> {
  const events = new DumpEvents()
  const load = new JsonLoad(loading, job)
  for await (const piece of text) {
    for (const event of events.push(piece)) await load.take(event)
    job.signal?.throwIfAborted()
    await job.pace?.()
  }
  events.end()
  return load.end()
}

class JsonLoad {
  readonly #loading: Loading
  readonly #job: DumpJob
  readonly #quotas = new Map<Ino, Limits>()
  readonly #limits: Record<'user' | 'group', Map<number, Limits>> = { user: new Map(), group: new Map() }
  readonly #owners: Record<'user' | 'group', Map<number, Usage>> = { user: new Map(), group: new Map() }
  #setting: VolumeSetting | undefined
  #counters: Partial<Record<DumpedCounter, number>> | undefined
  #open: Open | undefined
  #entries = 0

  constructor(loading: Loading, job: DumpJob) {
    this.#loading = loading
    this.#job = job
  }

  take(event: DumpEvent): Promise<void> | undefined {
    switch (event.kind) {
      case 'member':
        this.#member(event.name, event.value)
        return undefined
      case 'item':
        return this.#item(event.list, event.value)
      case 'enter':
        this.#enter(event.tree, event.name, event.members)
        return undefined
      case 'leave':
        return this.#leave(event.members)
      case 'entry':
        return this.#entry(event.tree, event.name, event.members)
      default:
        return event satisfies never
    }
  }

  end(): Loaded {
    if (this.#setting === undefined) throw damaged('it has no Setting')
    if (this.#counters === undefined) throw damaged('it has no Counters')
    this.#lateQuotas()
    if (this.#setting.UserGroupQuota === true)
      for (const kind of ['user', 'group'] as const) this.#owned(kind)
    return { entries: this.#entries, setting: this.#setting, counters: this.#counters }
  }

  #member(name: string, value: unknown): void {
    if (name === 'Setting') this.#setting = settingOf(value)
    if (name === 'Counters') this.#counters = countersOf(value)
    if (name === 'Quotas') limitsInto(this.#quotas, value, (key) => inoOf(BigInt(key), 'inode'))
    if (name === 'UserQuotas') limitsInto(this.#limits.user, value, Number)
    if (name === 'GroupQuotas') limitsInto(this.#limits.group, value, Number)
  }

  #item(list: string, value: unknown): Promise<void> | undefined {
    if (list !== 'DelFiles') return undefined
    const { inode, length, expire } = objectOf(value, 'deleted file')
    this.#loading.add({
      kind: 'putDeletedFile',
      file: {
        ino: inoOf(inode, 'inode'),
        length: numberOf(length, 'length'),
        deleted: numberOf(expire, 'expire'),
      },
    })
    return this.#loading.settle()
  }

  #enter(tree: TreeName, name: string | undefined, members: EntryMembers): void {
    if (members.attr === undefined) throw damaged('a directory whose attr does not come before its entries')
    const up = this.#open
    const ino = name === undefined ? rootOf(tree) : inoOf(objectOf(members.attr, 'attr').inode, 'inode')
    if (!this.#loading.meet(ino)) throw Loading.twice(ino)
    if (up !== undefined && name !== undefined) {
      this.#name(up, unescapeName(name), ino, TYPE_DIRECTORY, 0)
      up.subdirs++
    }
    this.#open = {
      ino,
      up,
      subdirs: 0,
      stat: { length: 0, space: 0, inodes: 0 },
      below: { space: 0, inodes: 0 },
    }
  }

  async #leave(members: EntryMembers): Promise<void> {
    const { ino, up, subdirs, stat, below } = this.#open!
    this.#open = up
    const { node, nlink } = nodeOf(members)
    if (node.type !== TYPE_DIRECTORY) throw damaged(`inode ${inoText(ino)} has entries and is no directory`)
    await this.#addNode(ino, members, {
      ...node,
      mode: nlink === 0 ? LOST_DIR_MODE : node.mode,
      nlink: isTrash(ino) ? 2 : 2 + subdirs,
      length: 4096,
      parent: up?.ino ?? ROOT_INO,
    })
    const loading = this.#loading
    if (ino !== TRASH_INO) loading.add({ kind: 'putDirStat', ino, stat })
    this.#quota(ino, below)
    if (up !== undefined) {
      up.below.space += below.space
      up.below.inodes += below.inodes
    }
    await loading.settle()
  }

  async #entry(tree: TreeName, name: string | undefined, members: EntryMembers): Promise<void> {
    const { ino, node, nlink } = nodeOf(members)
    if (node.type === TYPE_DIRECTORY) {
      this.#enter(tree, name, members)
      return this.#leave(members)
    }
    const up = this.#open
    if (name === undefined || up === undefined) throw damaged(`the root of ${tree} is no directory`)
    if (nlink === 0) {
      this.#job.onWarning?.(`entry ${JSON.stringify(name)} is left out: its inode had no record`)
      return
    }
    const loading = this.#loading
    const length =
      node.type === TYPE_FILE ? node.length : node.type === TYPE_SYMLINK ? symlinkOf(members).length : 0
    this.#name(up, unescapeName(name), ino, node.type, length)
    if (loading.meet(ino)) await this.#addFirst(ino, { ...node, length, parent: up.ino }, members)
    else await this.#addLink(ino, up.ino)
    this.#job.onProgress?.({ entries: this.#entries, total: this.#counters?.totalInodes ?? 0 })
    await loading.settle()
  }

  /** The entry itself, and what it adds to the directory. */
  #name(up: Open, name: Name, ino: Ino, type: NodeRecord['type'], length: number): void {
    this.#loading.add({ kind: 'putEdge', parent: up.ino, name, edge: { ino, type } })
    const space = spaceOf({ type, length })
    if (type === TYPE_FILE) up.stat.length += length
    up.stat.space += space
    up.stat.inodes++
    up.below.space += space
    up.below.inodes++
    this.#entries++
  }

  async #addFirst(ino: Ino, node: NodeRecord, members: EntryMembers): Promise<void> {
    const loading = this.#loading
    await this.#addNode(ino, members, node)
    if (node.type === TYPE_SYMLINK) loading.add({ kind: 'putSymlink', ino, target: symlinkOf(members) })
    if (node.type !== TYPE_FILE) return
    for (const { index, slices, records } of chunksOf(members)) {
      loading.addChunk(ino, index, slices, records)
      await loading.settle()
    }
  }

  /** One more name of a node that is there already: its parents are counted from the second on (§4). */
  async #addLink(ino: Ino, parent: Ino): Promise<void> {
    const loading = this.#loading
    await loading.flush()
    const [node] = await loading.engine.read([{ kind: 'node', ino }])
    if (node === null || node.type === TYPE_DIRECTORY) throw Loading.twice(ino)
    loading.add({ kind: 'putNode', ino, node: { ...node, nlink: node.nlink + 1, parent: 0 } })
    if (node.parent !== 0) loading.add({ kind: 'addParent', ino, parent: node.parent, add: 1 })
    loading.add({ kind: 'addParent', ino, parent, add: 1 })
  }

  async #addNode(ino: Ino, members: EntryMembers, node: NodeRecord): Promise<void> {
    const loading = this.#loading
    const access = aclRuleOf(members.posix_acl_access)
    const fallback = aclRuleOf(members.posix_acl_default)
    loading.addNode(ino, {
      ...node,
      accessAcl: access === undefined ? 0 : await loading.rule(access),
      defaultAcl: fallback === undefined ? 0 : await loading.rule(fallback),
    })
    for (const { name, value } of xattrsOf(members))
      loading.add({ kind: 'putXattr', ino, name, value }, value.length)
    if (ino === ROOT_INO || ino === TRASH_INO) return
    addTo(this.#owners.user, node.uid, spaceOf(node))
    addTo(this.#owners.group, node.gid, spaceOf(node))
  }

  #quota(ino: Ino, used: Usage): void {
    const limits = this.#quotas.get(ino)
    if (limits === undefined) return
    this.#quotas.delete(ino)
    const quota: Quota = { ...limits, usedSpace: used.space, usedInodes: used.inodes }
    this.#loading.add({ kind: 'putQuota', of: 'dir', id: ino, quota })
  }

  /** Quotas that stood after their tree; those of directories that are not in it are dropped. */
  #lateQuotas(): void {
    for (const ino of [...this.#quotas.keys()]) {
      if (!this.#loading.has(ino)) continue
      this.#quota(ino, { space: 0, inodes: 0 })
      this.#job.onWarning?.(
        `what inode ${inoText(ino)} uses of its quota is not counted: run pomelo quota check --repair`,
      )
    }
  }

  #owned(of: 'user' | 'group'): void {
    const limits = this.#limits[of]
    for (const id of new Set([...this.#owners[of].keys(), ...limits.keys()])) {
      const { maxSpace = UNLIMITED, maxInodes = UNLIMITED } = limits.get(id) ?? {}
      const { space, inodes } = this.#owners[of].get(id) ?? { space: 0, inodes: 0 }
      const quota: Quota = { maxSpace, maxInodes, usedSpace: space, usedInodes: inodes }
      this.#loading.add({ kind: 'putQuota', of: of satisfies QuotaKind, id, quota })
    }
  }
}

function rootOf(tree: TreeName): Ino {
  return tree === 'FSTree' ? ROOT_INO : TRASH_INO
}

function addTo(owners: Map<number, Usage>, id: number, space: number): void {
  const usage = owners.get(id)
  if (usage === undefined) owners.set(id, { space, inodes: 1 })
  else {
    usage.space += space
    usage.inodes++
  }
}

function settingOf(value: unknown): VolumeSetting {
  return parseSetting(
    JSON.stringify(objectOf(value, 'Setting'), (_key, member: unknown) =>
      typeof member === 'bigint'
        ? (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(String(member))
        : member,
    ),
  )
}

function countersOf(value: unknown): Partial<Record<DumpedCounter, number>> {
  const counters = objectOf(value, 'Counters')
  const number = (name: string) => numberOf(counters[name], name)
  return {
    nextInode: number('nextInodes'),
    nextChunk: number('nextChunk'),
    nextSession: number('nextSession'),
    nextTrash: number('nextTrash'),
    nextCleanupSlices: number('nextCleanupSlices'),
    totalInodes: number('usedInodes'),
  }
}

function limitsInto(into: Map<number, Limits>, value: unknown, idOf: (key: string) => number): void {
  if (value === null) return
  for (const [key, item] of Object.entries(objectOf(value, 'quotas'))) {
    const { maxSpace, maxInodes } = objectOf(item, 'quota')
    if (!/^\d+$/.test(key)) throw damaged(`a quota of ${JSON.stringify(key)}`)
    into.set(idOf(key), {
      maxSpace: numberOf(maxSpace, 'maxSpace'),
      maxInodes: numberOf(maxInodes, 'maxInodes'),
    })
  }
}
