/**
 * A volume's metadata as one JSON document, written while it is read: of every directory on the way down a page of
 * entries is held, and nothing else. Byte for byte what the reference writes for the same records.
 *
 * It is no snapshot: what others change meanwhile may be in it or not. Locks, sessions, delayed slices and the data of
 * deleted files have no place in the format; the garbage collector finds such objects in a volume loaded from it.
 *
 * Source: shared/spec/admin-tools.md §9.1.
 */
import { pass } from '#core/base/gate.ts'
import { type Ino, inoText, ROOT_INO, TRASH_INO } from '#core/base/ino.ts'
import { nameToText } from '#core/base/name.ts'
import { Refusal } from '#core/base/refusal.ts'
import { createAcls } from '#core/meta/acls.ts'
import type { ListTypes, MetaEngine, Page } from '#core/meta/engine.ts'
import { missingNode } from '#core/meta/node.ts'
import { loadSetting } from '#core/meta/open-meta.ts'
import { pagesOf, type Step, stepInto } from '#core/meta/ops/walk.ts'
import { type NodeRecord, type QuotaKind, TYPE_DIRECTORY, TYPE_SYMLINK } from '#core/meta/records.ts'
import { serializeSetting } from '#core/meta/setting.ts'
import { publicSetting } from '#core/meta/setting-secrets.ts'
import type { Acls } from '#core/meta/state.ts'
import { pages } from '../pages.ts'
import { readCounters } from './counters.ts'
import { type Chunk, type Details, detailsOf, moreChunks } from './entry-details.ts'
import { escapeName } from './escape.ts'
import { aclRuleText, attrText, chunkText, symlinkText, xattrsText } from './json-entry.ts'
import type { DumpJob, DumpReport } from './report.ts'
import { type Sink, TextSink } from './sink.ts'

export interface JsonDumpOptions {
  /** The directory to dump as if it were the root. */
  readonly root?: Ino
  readonly skipTrash?: boolean
  /** Leave SecretKey and SessionToken as they are stored. */
  readonly keepSecrets?: boolean
  /** Entries whose details are asked for at a time. */
  readonly threads?: number
}

const ENTRIES = 1000
const THREADS = 10
/** Of which so many are completed at a time. */
const BATCH = 64

export function dumpJson(
  engine: MetaEngine,
  options: JsonDumpOptions,
  sink: Sink,
  job: DumpJob = {},
): Promise<DumpReport> {
  return new JsonDump(engine, options, sink, job).run()
}

class JsonDump {
  readonly #engine: MetaEngine
  readonly #options: JsonDumpOptions
  readonly #out: TextSink
  readonly #job: DumpJob
  readonly #acls: Acls
  readonly #threads: number
  #entries = 0
  #total = 0

  constructor(engine: MetaEngine, options: JsonDumpOptions, sink: Sink, job: DumpJob) {
    this.#engine = engine
    this.#options = options
    this.#out = new TextSink(sink)
    this.#job = job
    this.#acls = createAcls(engine)
    this.#threads = options.threads ?? THREADS
  }

  async run(): Promise<DumpReport> {
    const { root = ROOT_INO, skipTrash = false } = this.#options
    const [top, trash] = await this.#engine.read([
      { kind: 'node', ino: root },
      { kind: 'node', ino: TRASH_INO },
    ])
    await this.#head(root === ROOT_INO)
    await this.#root('FSTree', root, top ?? missingNode(TYPE_DIRECTORY))
    if (root === ROOT_INO && !skipTrash && trash !== null) {
      this.#out.add(',\n')
      await this.#root('Trash', TRASH_INO, trash)
    }
    this.#out.add('\n}\n')
    await this.#out.flush()
    return { entries: this.#entries }
  }

  async #head(whole: boolean): Promise<void> {
    const out = this.#out
    const setting = await loadSetting(this.#engine)
    const shown = this.#options.keepSecrets
      ? setting
      : { ...publicSetting(setting), EncryptKey: setting.EncryptKey }
    out.add(`{\n  "Setting": ${indented(serializeSetting(shown))},\n`)
    const counters = await readCounters(this.#engine)
    this.#total = counters.totalInodes
    const shownCounters: Record<string, number> = {
      usedSpace: counters.usedSpace,
      usedInodes: counters.totalInodes,
      nextInodes: counters.nextInode,
      nextChunk: counters.nextChunk,
      nextSession: counters.nextSession,
      nextTrash: counters.nextTrash,
      ...(counters.nextCleanupSlices !== 0 && { nextCleanupSlices: counters.nextCleanupSlices }),
    }
    out.add(`  "Counters": ${indented(JSON.stringify(shownCounters, undefined, 1))},\n`)
    await this.#list('Sustained', this.#sustained())
    await this.#list('DelFiles', this.#deletedFiles())
    await this.#quotas('Quotas', 'dir')
    if (!whole) return
    await this.#quotas('UserQuotas', 'user')
    await this.#quotas('GroupQuotas', 'group')
  }

  async *#sustained(): AsyncGenerator<string> {
    for await (const { sid } of pages(this.#engine, { kind: 'sessions' }, this.#job.signal)) {
      const inodes: string[] = []
      for await (const ino of pages(this.#engine, { kind: 'sustained', sid }, this.#job.signal))
        inodes.push(inoText(ino))
      if (inodes.length > 0) yield `{\n"sid": ${sid},\n"inodes": [\n${inodes.join(',\n')}\n]\n}`
    }
  }

  async *#deletedFiles(): AsyncGenerator<string> {
    for await (const file of pages(this.#engine, { kind: 'deletedFiles' }, this.#job.signal))
      yield `{\n"inode": ${inoText(file.ino)},\n"length": ${file.length},\n"expire": ${file.deleted}\n}`
  }

  async #list(name: string, items: AsyncGenerator<string>): Promise<void> {
    const out = this.#out
    out.add(`  "${name}": [`)
    let count = 0
    for await (const item of items) {
      out.add(`${count++ === 0 ? '' : ','}\n    ${indented(item, 2)}`)
      await out.settle()
    }
    out.add(count === 0 ? '],\n' : '\n  ],\n')
  }

  async #quotas(name: string, of: QuotaKind): Promise<void> {
    const out = this.#out
    let count = 0
    for await (const { id, maxSpace, maxInodes } of pages(
      this.#engine,
      { kind: 'quotas', of },
      this.#job.signal,
    )) {
      if (of !== 'dir' && maxSpace <= 0 && maxInodes <= 0) continue
      out.add(count++ === 0 ? `  "${name}": {\n` : ',\n')
      const limits = `{\n"maxSpace": ${maxSpace},\n"maxInodes": ${maxInodes}\n}`
      out.add(`    "${inoText(id)}": ${indented(limits, 2)}`)
      await out.settle()
    }
    if (count > 0) out.add('\n  },\n')
  }

  async #root(name: string, ino: Ino, node: NodeRecord): Promise<void> {
    const [details] = await detailsOf(this.#engine, [{ ino, node }], 1)
    this.#out.add(`  "${name}": {\n`)
    await this.#members(ino, node, details!, '    ')
    this.#out.add(',\n')
    await this.#directory({ ino }, '    ')
    this.#out.add('\n  }')
  }

  /** The member `entries` of a directory. */
  async #directory(at: Step, indent: string): Promise<void> {
    const out = this.#out
    out.add(`${indent}"entries": {`)
    let count = 0
    for await (const page of pagesOf(
      { engine: this.#engine },
      { kind: 'entries', parent: at.ino },
      ENTRIES,
    )) {
      for (let from = 0; from < page.length; from += BATCH) {
        await pass(this.#job.signal)
        const entries = page.slice(from, from + BATCH).map((entry) => this.#complete(at.ino, entry))
        const details = await detailsOf(this.#engine, entries, this.#threads)
        for (const [k, { ino, name, node }] of entries.entries()) {
          out.add(`${count++ === 0 ? '' : ','}\n${indent}  "${escapeName(name)}": {\n`)
          await this.#members(ino, node, details[k]!, `${indent}    `)
          if (node.type === TYPE_DIRECTORY) {
            out.add(',\n')
            await this.#directory(stepInto(at, ino), `${indent}    `)
          }
          out.add(`\n${indent}  }`)
        }
        this.#entries += entries.length
        this.#job.onProgress?.({ entries: this.#entries, total: this.#total })
        await out.settle()
        await this.#job.pace?.()
      }
    }
    out.add(`\n${indent}}`)
  }

  /** An entry whose node is missing is written with its type, as the reference does, and said. */
  #complete(parent: Ino, { name, ino, type, node }: ListTypes['entries']) {
    if (node === null)
      this.#job.onWarning?.(
        `entry ${JSON.stringify(nameToText(name))} in inode ${inoText(parent)}: its inode ${inoText(ino)} does not exist`,
      )
    return { name, ino, node: node ?? { ...missingNode(type), nlink: 0 } }
  }

  /** Everything of an entry but its entries, without a line break at the end. */
  async #members(ino: Ino, node: NodeRecord, details: Details, indent: string): Promise<void> {
    const out = this.#out
    out.add(`${indent}"attr": ${attrText(ino, node)}`)
    const member = (name: string, text: string) => out.add(`,\n${indent}"${name}": ${text}`)
    if (node.type === TYPE_SYMLINK) member('symlink', symlinkText(details.target ?? new Uint8Array()))
    if (details.xattrs.length > 0) member('xattrs', xattrsText(details.xattrs))
    if (node.accessAcl !== 0) member('posix_acl_access', await this.#rule(ino, node.accessAcl))
    if (node.defaultAcl !== 0) member('posix_acl_default', await this.#rule(ino, node.defaultAcl))
    await this.#chunks(ino, node, details.chunks, indent)
  }

  async #rule(ino: Ino, id: number): Promise<string> {
    try {
      return aclRuleText(await this.#acls.get(id))
    } catch (cause) {
      throw new Refusal(`inode ${inoText(ino)} names ACL rule ${id}, which does not exist`, undefined, {
        cause,
      })
    }
  }

  /** A single chunk stands on the line of its member, several have lines of their own. */
  async #chunks(ino: Ino, node: NodeRecord, first: Page<Chunk>, indent: string): Promise<void> {
    const { items, next } = first
    if (items.length === 0) return
    const out = this.#out
    if (items.length === 1 && next === undefined) {
      out.add(`,\n${indent}"chunks": [${chunkText(items[0]!.index, items[0]!.slices)}]`)
      return
    }
    const lines = (chunks: readonly Chunk[]) =>
      chunks.map(({ index, slices }) => `\n${indent}  ${chunkText(index, slices)}`).join()
    out.add(`,\n${indent}"chunks": [${lines(items)}`)
    for await (const more of moreChunks(this.#engine, { ino, node }, first)) {
      if (more.length > 0) out.add(`,${lines(more)}`)
      await out.settle()
      this.#job.signal?.throwIfAborted()
    }
    out.add(`\n${indent}]`)
  }
}

/** A JSON text of one member a line, indented as a value that stands `depth` levels down. */
function indented(text: string, depth = 1): string {
  return text
    .split('\n')
    .map((line, k) => {
      const bare = line.trimStart()
      if (/^[}\]]/.test(bare)) depth--
      const shown = k === 0 ? bare : '  '.repeat(depth) + bare
      if (/[{[]$/.test(bare)) depth++
      return shown
    })
    .join('\n')
}
