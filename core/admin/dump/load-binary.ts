/**
 * A volume from a binary dump. Records go in as they are, but for what must fit together: how often each slice is used
 * is counted from the chunks, usage from the nodes, and ACL rules get the ids that this engine gives them.
 *
 * Files that were open without a name belong to sessions that do not exist here. Each gets a record of one that ended
 * long ago, so that the next client cleans up after it as it does after any that died.
 *
 * Source: shared/spec/admin-tools.md §9.3.
 */
import { type Ino, inoFromBigInt, isVirtual } from '#core/base/ino.ts'
import { nameFromBytes } from '#core/base/name.ts'
import type { NodeType, Quota, QuotaKind } from '#core/meta/records.ts'
import { decodeAclRule, decodeNode } from '#core/meta/records-codec.ts'
import { parseSetting, type VolumeSetting } from '#core/meta/setting.ts'
import { decodeSlices } from '#core/meta/slices.ts'
import { COUNTERS, type DumpedCounter } from './counters.ts'
import { damaged } from './json-entry.ts'
import type { Loaded } from './load-json.ts'
import type { Loading } from './loading.ts'
import { type FieldValue, fieldsOf, signed, varintsOf } from './protobuf.ts'
import type { DumpJob } from './report.ts'
import type { Segment, SegmentFile } from './segment-file.ts'
import { BATCH_FIELDS, type BatchField } from './segments.ts'

/** What must be known before the others, whatever the file's order. */
const FIRST = ['format', 'counter', 'acl'] as const
/** Slice references follow from the chunks; the change log is not kept by this client. */
const LEFT_OUT = ['sliceRef', 'changeLog'] as const

const NO_BYTES = Buffer.alloc(0)
const FIELD_NAMES = new Map<number, BatchField>(
  Object.entries(BATCH_FIELDS).map(([name, field]) => [field, name as BatchField]),
)

export async function loadBinary(loading: Loading, file: SegmentFile, job: DumpJob): Promise<Loaded> {
  const segments = await file.segments()
  const load = new BinaryLoad(loading, job)
  const isFirst = ({ name }: Segment) => (FIRST as readonly string[]).includes(name)
  for (const segment of [
    ...segments.filter(isFirst),
    ...segments.filter(
      (segment) => !isFirst(segment) && !(LEFT_OUT as readonly string[]).includes(segment.name),
    ),
  ])
    await load.take(segment, await file.message(segment))
  return load.end()
}

/** One record: its fields by number, the last of each. */
type Fields = ReadonlyMap<number, FieldValue>

class BinaryLoad {
  readonly #loading: Loading
  readonly #job: DumpJob
  readonly #rules = new Map<number, number>()
  readonly #counters: Partial<Record<DumpedCounter, number>> = {}
  #setting: VolumeSetting | undefined
  #entries = 0

  constructor(loading: Loading, job: DumpJob) {
    this.#loading = loading
    this.#job = job
  }

  async take(segment: Segment, message: Buffer): Promise<void> {
    if (segment.name === 'format') {
      this.#setting = parseSetting(bytes(new Map(fieldsOf(message)), 1).toString())
      return
    }
    for (const [field, item] of fieldsOf(message)) {
      const name = FIELD_NAMES.get(field)
      if (name === undefined || !Buffer.isBuffer(item)) continue
      await this.#record(name, item)
      await this.#loading.settle()
    }
    await this.#job.pace?.()
  }

  end(): Loaded {
    if (this.#setting === undefined) throw damaged('it has no setting')
    return { entries: this.#entries, setting: this.#setting, counters: this.#counters }
  }

  #record(name: BatchField, item: Buffer): Promise<void> | undefined {
    const fields = new Map(fieldsOf(item))
    const loading = this.#loading
    switch (name) {
      case 'counter':
        this.#counter(bytes(fields, 1).toString(), signed(fields.get(2)))
        return undefined
      case 'acl':
        return this.#rule(number(fields, 1), bytes(fields, 2))
      case 'node':
        this.#node(ino(fields, 1), bytes(fields, 2))
        return undefined
      case 'edge':
        loading.add({
          kind: 'putEdge',
          parent: ino(fields, 1),
          name: nameFromBytes(bytes(fields, 3)),
          edge: { ino: ino(fields, 2), type: number(fields, 4) as NodeType },
        })
        return undefined
      case 'chunk': {
        const slices = bytes(fields, 3)
        if (slices.length > 0)
          loading.addChunk(ino(fields, 1), number(fields, 2), slices, decodeSlices(slices))
        return undefined
      }
      case 'symlink':
        loading.add({ kind: 'putSymlink', ino: ino(fields, 1), target: bytes(fields, 2) })
        return undefined
      case 'xattr': {
        const value = bytes(fields, 3)
        loading.add(
          { kind: 'putXattr', ino: ino(fields, 1), name: nameFromBytes(bytes(fields, 2)), value },
          value.length,
        )
        return undefined
      }
      case 'parent':
        loading.add({
          kind: 'addParent',
          ino: ino(fields, 1),
          parent: ino(fields, 2),
          add: number(fields, 3),
        })
        return undefined
      case 'delFile':
        loading.add({
          kind: 'putDeletedFile',
          file: { ino: ino(fields, 1), length: number(fields, 2), deleted: signed(fields.get(3)) },
        })
        return undefined
      case 'stat':
        loading.add({
          kind: 'putDirStat',
          ino: ino(fields, 1),
          stat: {
            length: signed(fields.get(2)),
            space: signed(fields.get(3)),
            inodes: signed(fields.get(4)),
          },
        })
        return undefined
      case 'sustained':
        this.#sustained(item)
        return undefined
      case 'dirQuota':
        this.#quota('dir', ino(fields, 1), fields)
        return undefined
      case 'userQuota':
        this.#quota('user', number(fields, 1), fields)
        return undefined
      case 'groupQuota':
        this.#quota('group', number(fields, 1), fields)
        return undefined
      case 'sliceRef':
        return undefined
      default:
        return name satisfies never
    }
  }

  #counter(name: string, value: number): void {
    const known = COUNTERS.find((counter) => counter === name)
    if (known !== undefined) this.#counters[known] = value
  }

  async #rule(id: number, packed: Buffer): Promise<void> {
    this.#rules.set(id, await this.#loading.rule(decodeAclRule(packed)))
  }

  #node(at: Ino, packed: Buffer): void {
    if (!this.#loading.meet(at)) throw damaged('an inode is in it twice')
    const node = decodeNode(packed)
    const ids = { accessAcl: this.#newId(node.accessAcl), defaultAcl: this.#newId(node.defaultAcl) }
    this.#loading.addNode(at, { ...node, ...ids })
    this.#entries++
    this.#job.onProgress?.({ entries: this.#entries, total: this.#counters.totalInodes ?? 0 })
  }

  #newId(id: number): number {
    if (id === 0) return 0
    const known = this.#rules.get(id)
    if (known === undefined) throw damaged(`an inode names ACL rule ${id}, which is not in it`)
    return known
  }

  #sustained(item: Buffer): void {
    let sid = 0
    const inodes: Ino[] = []
    for (const [field, value] of fieldsOf(item)) {
      if (field === 1) sid = signed(value)
      else if (field === 2)
        for (const each of Buffer.isBuffer(value) ? varintsOf(value) : [value]) inodes.push(inoOf(each))
    }
    this.#loading.add({ kind: 'putSession', session: { sid, expire: 0, info: '{}' } })
    for (const each of inodes) this.#loading.add({ kind: 'putSustained', sid, ino: each })
  }

  #quota(of: QuotaKind, id: number, fields: Fields): void {
    const quota: Quota = {
      maxSpace: signed(fields.get(2)),
      maxInodes: signed(fields.get(3)),
      usedSpace: signed(fields.get(4)),
      usedInodes: signed(fields.get(5)),
    }
    this.#loading.add({ kind: 'putQuota', of, id, quota })
  }
}

function bytes(fields: Fields, field: number): Buffer {
  const value = fields.get(field) ?? NO_BYTES
  if (!Buffer.isBuffer(value)) throw damaged('a number where bytes should be')
  return value
}

function number(fields: Fields, field: number): number {
  const value = signed(fields.get(field))
  if (value < 0) throw damaged('a number that is negative')
  return value
}

function ino(fields: Fields, field: number): Ino {
  return inoOf(fields.get(field) ?? 0)
}

function inoOf(value: FieldValue): Ino {
  const found = typeof value === 'bigint' ? inoFromBigInt(value) : typeof value === 'number' ? value : 0
  if (!(found > 0) || isVirtual(found)) throw damaged('a number that is no inode')
  return found
}
