/**
 * A volume's metadata in the binary form: record by record, and so faster to write and to load than JSON, and with
 * what has no place in a tree. Always the whole volume. Source: shared/spec/admin-tools.md §9.3.
 */
import { pass } from '#core/base/gate.ts'
import { type Ino, inoToBigInt, VIRTUAL_INO } from '#core/base/ino.ts'
import { nameToBytes } from '#core/base/name.ts'
import type { ListTypes, MetaEngine } from '#core/meta/engine.ts'
import { loadSetting } from '#core/meta/open-meta.ts'
import { pagesOf } from '#core/meta/ops/walk.ts'
import { type Quota, TYPE_DIRECTORY, TYPE_SYMLINK } from '#core/meta/records.ts'
import { encodeAclRule, encodeNode } from '#core/meta/records-codec.ts'
import { serializeSetting } from '#core/meta/setting.ts'
import { publicSetting } from '#core/meta/setting-secrets.ts'
import { pages } from '../pages.ts'
import { COUNTERS, readCounters } from './counters.ts'
import type { DumpJob, DumpReport } from './report.ts'
import { SegmentWriter } from './segments.ts'
import type { Sink } from './sink.ts'

export interface BinaryDumpOptions {
  /** Leave the secrets of the setting, the EncryptKey too, as they are stored. */
  readonly keepSecrets?: boolean
  /** Requests to the engine at a time. */
  readonly threads?: number
}

const NODES = 1000
const THREADS = 10
const QUOTA_FIELDS = { dir: 'dirQuota', user: 'userQuota', group: 'groupQuota' } as const
const QUOTA_TYPES = { dir: 0, user: 1, group: 2 } as const

export async function dumpBinary(
  engine: MetaEngine,
  options: BinaryDumpOptions,
  sink: Sink,
  job: DumpJob = {},
): Promise<DumpReport> {
  const dump = new BinaryDump(engine, new SegmentWriter(sink), job, options.threads ?? THREADS)
  return dump.run(options.keepSecrets === true)
}

type Nodes = readonly ListTypes['allNodes'][]

class BinaryDump {
  readonly #engine: MetaEngine
  readonly #out: SegmentWriter
  readonly #job: DumpJob
  readonly #threads: number

  constructor(engine: MetaEngine, out: SegmentWriter, job: DumpJob, threads: number) {
    this.#engine = engine
    this.#out = out
    this.#job = job
    this.#threads = threads
  }

  async run(keepSecrets: boolean): Promise<DumpReport> {
    const setting = await loadSetting(this.#engine)
    await this.#out.format(serializeSetting(keepSecrets ? setting : publicSetting(setting)))
    const counters = await readCounters(this.#engine)
    for (const key of COUNTERS)
      this.#out.add('counter', 'counter', (m) => m.bytes(1, Buffer.from(key)).number(2, counters[key]))
    const entries = await this.#nodes(counters.totalInodes)
    await this.#chunks()
    await this.#edges()
    await this.#sustained()
    await this.#rest()
    await this.#out.finish()
    return { entries }
  }

  async #nodes(total: number): Promise<number> {
    let entries = 0
    for await (const page of pagesOf({ engine: this.#engine }, { kind: 'allNodes' }, NODES)) {
      for (const { ino, node } of page)
        this.#out.add('node', 'node', (m) => m.number(1, wide(ino)).bytes(2, encodeNode(node)))
      await Promise.all([this.#symlinks(page), this.#stats(page), this.#parents(page)])
      await this.#xattrs(page)
      entries += page.length
      this.#job.onProgress?.({ entries, total })
      await this.#breathe()
    }
    return entries
  }

  async #symlinks(page: Nodes): Promise<void> {
    const links = page.filter(({ node }) => node.type === TYPE_SYMLINK)
    const targets = await this.#engine.read(links.map(({ ino }) => ({ kind: 'symlink', ino }) as const))
    for (const [k, target] of targets.entries())
      if (target !== null)
        this.#out.add('symlink', 'symlink', (m) => m.number(1, wide(links[k]!.ino)).bytes(2, target))
  }

  async #stats(page: Nodes): Promise<void> {
    const dirs = page.filter(({ node }) => node.type === TYPE_DIRECTORY)
    const stats = await this.#engine.read(dirs.map(({ ino }) => ({ kind: 'dirStat', ino }) as const))
    for (const [k, stat] of stats.entries())
      if (stat !== null)
        this.#out.add('stat', 'stat', (m) =>
          m.number(1, wide(dirs[k]!.ino)).number(2, stat.length).number(3, stat.space).number(4, stat.inodes),
        )
  }

  /** Of nodes with several names: a node with one names its parent itself. */
  async #parents(page: Nodes): Promise<void> {
    const shared = page.filter(({ node }) => node.parent === 0)
    const lists = await this.#engine.read(shared.map(({ ino }) => ({ kind: 'parents', ino }) as const))
    for (const [k, parents] of lists.entries())
      for (const { parent, links } of parents ?? [])
        if (links > 0)
          this.#out.add('parent', 'parent', (m) =>
            m.number(1, wide(shared[k]!.ino)).number(2, wide(parent)).number(3, links),
          )
  }

  async #xattrs(page: Nodes): Promise<void> {
    for (let from = 0; from < page.length; from += this.#threads) {
      const some = page.slice(from, from + this.#threads)
      await Promise.all(
        some.map(async ({ ino }) => {
          for await (const { name, value } of pages(this.#engine, { kind: 'xattrs', ino }))
            this.#out.add(
              'xattr',
              'xattr',
              (m) => m.number(1, wide(ino)).bytes(2, nameToBytes(name)).bytes(3, value),
              // The reference loses every xattr of a segment in which one is empty (§9.3).
              value.length === 0 ? 'empty' : '',
            )
        }),
      )
      await this.#breathe()
    }
  }

  async #chunks(): Promise<void> {
    for await (const page of pagesOf({ engine: this.#engine }, { kind: 'allChunks' }, NODES)) {
      for (const { ino, index, slices } of page)
        this.#out.add('chunk', 'chunk', (m) => m.number(1, wide(ino)).number(2, index).bytes(3, slices))
      await this.#breathe()
    }
  }

  async #edges(): Promise<void> {
    for await (const page of pagesOf({ engine: this.#engine }, { kind: 'allEdges' }, NODES)) {
      for (const { parent, name, ino, type } of page)
        this.#out.add('edge', 'edge', (m) =>
          m.number(1, wide(parent)).number(2, wide(ino)).bytes(3, nameToBytes(name)).number(4, type),
        )
      await this.#breathe()
    }
  }

  async #sustained(): Promise<void> {
    for await (const { sid } of pages(this.#engine, { kind: 'sessions' }, this.#job.signal)) {
      const inodes: (number | bigint)[] = []
      for await (const ino of pages(this.#engine, { kind: 'sustained', sid }, this.#job.signal))
        inodes.push(wide(ino))
      if (inodes.length > 0)
        this.#out.add('sustained', 'sustained', (m) => m.number(1, sid).packed(2, inodes))
    }
  }

  async #rest(): Promise<void> {
    const { signal } = this.#job
    for await (const { ino, length, deleted } of pages(this.#engine, { kind: 'deletedFiles' }, signal)) {
      this.#out.add('delFile', 'delFile', (m) => m.number(1, wide(ino)).number(2, length).number(3, deleted))
      await this.#out.settle()
    }
    for await (const { id, size, uses } of pages(this.#engine, { kind: 'sliceRefs' }, signal)) {
      if (uses <= 1) continue
      this.#out.add('sliceRef', 'sliceRef', (m) => m.number(1, id).number(2, size).number(3, uses))
      await this.#out.settle()
    }
    for await (const { id, rule } of pages(this.#engine, { kind: 'acls' }, signal))
      this.#out.add('acl', 'acl', (m) => m.number(1, id).bytes(2, encodeAclRule(rule)))
    for (const kind of ['dir', 'user', 'group'] as const)
      for await (const quota of pages(this.#engine, { kind: 'quotas', of: kind }, signal)) {
        this.#out.add('quota', QUOTA_FIELDS[kind], (m) => writeQuota(m, quota, QUOTA_TYPES[kind]))
        await this.#out.settle()
      }
  }

  async #breathe(): Promise<void> {
    await pass(this.#job.signal)
    await this.#out.settle()
    await this.#job.pace?.()
  }
}

function writeQuota(
  message: Parameters<Parameters<SegmentWriter['add']>[2]>[0],
  { id, maxSpace, maxInodes, usedSpace, usedInodes }: Quota & { readonly id: number },
  type: number,
): void {
  message
    .number(1, wide(id))
    .number(2, maxSpace)
    .number(3, maxInodes)
    .number(4, usedSpace)
    .number(5, usedInodes)
    .number(6, type)
}

/** The stored number. */
function wide(ino: Ino): number | bigint {
  return ino < VIRTUAL_INO ? ino : inoToBigInt(ino)
}
