/** What the parts of the engine suite share. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { TRASH_INO } from '#core/base/ino.ts'
import { type Name, nameFromText } from '#core/base/name.ts'
import type { Change, ListTypes, MetaEngine, RecordKey, RecordRange, RecordValue } from '../engine.ts'
import { ACL_UNSET, type AclRule, type NodeRecord } from '../records.ts'

/** One place that several engines may open; gone after the test. */
export interface EnginePlace {
  open(): Promise<MetaEngine>
}

export interface SuiteOptions {
  /** A fresh, empty place. The suite closes every engine it opened. */
  readonly place: (t: TestContext) => Promise<EnginePlace>
  /** Two engines can share a place (false for memory). */
  readonly shared: boolean
  /** Slice references are counted from 1 at `newSliceRef` and listed (SQL). */
  readonly countsEverySlice: boolean
  /**
   * Ids and device numbers of 2^31 and more, and xattr names that are no UTF-8, are refused (EOVERFLOW, EINVAL): a
   * limit of the format on PostgreSQL.
   */
  readonly narrowColumns?: boolean
  /** An xattr must have a value, else EINVAL: a limit of the format on TiKV. */
  readonly noEmptyValues?: boolean
}

export const sampleNode: NodeRecord = {
  flags: 0x21,
  type: 1,
  mode: 0o6751,
  uid: 1000,
  gid: 2_000_000_000,
  atime: 1_700_000_000,
  atimeNsec: 123_456_789,
  mtime: -1,
  mtimeNsec: 500,
  ctime: 7_258_118_400,
  ctimeNsec: 999_999_999,
  nlink: 2,
  length: 2 ** 52 + 1,
  rdev: 0x11032c,
  parent: TRASH_INO + 7,
  accessAcl: 7,
  defaultAcl: 9,
  tier: 2,
}

export const rule: AclRule = {
  owner: 6,
  group: 4,
  mask: 7,
  other: ACL_UNSET,
  users: [{ id: 2_000_000_000, perm: 7 }],
  groups: [
    { id: 100, perm: 5 },
    { id: 7, perm: 0 },
  ],
}

/** Bytes, not text: a slash is impossible, everything else is not. */
export const NAMES: readonly Name[] = [
  'a',
  nameFromText('né日'),
  '\xff\xfe\x80',
  ' ',
  '\n',
  '\'"`\\%_?',
  '\x01',
  'n'.repeat(255),
]

export const slice = (fill: number): Uint8Array => new Uint8Array(24).fill(fill)
export const join = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

export type Suite = (title: string, work: (engine: MetaEngine, t: TestContext) => Promise<void>) => void

export async function apply(engine: MetaEngine, ...changes: Change[]): Promise<readonly number[]> {
  const outcome = await engine.commit('test', [], changes)
  assert.ok(outcome.ok)
  return outcome.replies
}

export async function one<const K extends RecordKey>(engine: MetaEngine, key: K): Promise<RecordValue<K>> {
  return (await engine.read([key]))[0] as RecordValue<K>
}

export async function all<R extends RecordRange>(
  engine: MetaEngine,
  range: R,
  limit = 2,
): Promise<ListTypes[R['kind']][]> {
  const items: ListTypes[R['kind']][] = []
  let after: string | undefined
  do {
    const page = await engine.list(range, { after, limit })
    assert.ok(page.items.length <= limit)
    items.push(...page.items)
    after = page.next
  } while (after !== undefined)
  return items
}

export function bytesOf(value: unknown): Uint8Array {
  assert.ok(value instanceof Uint8Array)
  return new Uint8Array(value)
}

/** The record without what only the engine needs. */
export function plain(node: NodeRecord | null): NodeRecord | null {
  if (node === null) return null
  const { raw: _, ...rest } = node
  return rest
}
