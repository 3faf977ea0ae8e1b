/** What every metadata engine must do. Call `engineSuite` from a test file of the engine. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Ino, TRASH_INO } from '#core/base/ino.ts'
import { silentLog } from '#core/base/log.ts'
import { type Name, nameFromText } from '#core/base/name.ts'
import { TaskSet } from '#core/base/tasks.ts'
import type { Change, ListTypes, MetaEngine, RecordKey, RecordRange, RecordValue } from './engine.ts'
import { ACL_UNSET, type AclRule, type NodeRecord } from './records.ts'

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

const rule: AclRule = {
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
const NAMES: readonly Name[] = [
  'a',
  nameFromText('né日'),
  '\xff\xfe\x80',
  ' ',
  '\n',
  '\'"`\\%_?',
  '\x01',
  'n'.repeat(255),
]

const slice = (fill: number): Uint8Array => new Uint8Array(24).fill(fill)
const join = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

export function engineSuite(name: string, options: SuiteOptions): void {
  const suite = (title: string, work: (engine: MetaEngine, t: TestContext) => Promise<void>): void => {
    test(`${name}: ${title}`, async (t) => {
      const place = await options.place(t)
      const engine = await place.open()
      t.after(() => engine.close())
      await engine.initialize()
      await work(engine, t)
    })
  }
  recordTests(suite, options)
  listTests(suite)
  guardTests(suite)
  changeTests(suite, options)
  counterTests(suite)
  placeTests(name, options)
  if (options.shared) sharedTests(name, options)
}

type Suite = (title: string, work: (engine: MetaEngine, t: TestContext) => Promise<void>) => void

async function apply(engine: MetaEngine, ...changes: Change[]): Promise<readonly number[]> {
  const outcome = await engine.commit('test', [], changes)
  assert.ok(outcome.ok)
  return outcome.replies
}

async function one<const K extends RecordKey>(engine: MetaEngine, key: K): Promise<RecordValue<K>> {
  return (await engine.read([key]))[0] as RecordValue<K>
}

async function all<R extends RecordRange>(
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

function bytesOf(value: unknown): Uint8Array {
  assert.ok(value instanceof Uint8Array)
  return new Uint8Array(value)
}

/** The record without what only the engine needs. */
function plain(node: NodeRecord | null): NodeRecord | null {
  if (node === null) return null
  const { raw: _, ...rest } = node
  return rest
}

function recordTests(suite: Suite, options: SuiteOptions): void {
  suite('what was never written reads as null', async (engine) => {
    const keys: RecordKey[] = [
      { kind: 'node', ino: 5 },
      { kind: 'edge', parent: 1, name: 'x' },
      { kind: 'entry', parent: 1, name: 'x' },
      { kind: 'chunk', ino: 5, index: 0 },
      { kind: 'symlink', ino: 5 },
      { kind: 'xattr', ino: 5, name: 'user.x' },
      { kind: 'acl', id: 1 },
      { kind: 'flocks', ino: 5 },
      { kind: 'plocks', ino: 5 },
      { kind: 'parents', ino: 5 },
      { kind: 'session', sid: 1 },
      { kind: 'dirStat', ino: 5 },
      { kind: 'quota', of: 'dir', id: 5 },
      { kind: 'quota', of: 'user', id: 0 },
      { kind: 'delayedSlices', newId: 1, deleted: 1 },
      { kind: 'counter', name: 'lastCleanupTrash' },
      { kind: 'setting' },
    ]
    assert.deepEqual(
      await engine.read(keys),
      keys.map(() => null),
    )
  })

  suite('a node keeps every field, in the trash range and outside 1970..2106 too', async (engine) => {
    const nodes: [Ino, NodeRecord][] = [
      [2, sampleNode],
      [TRASH_INO, { ...sampleNode, parent: 1, tier: 0, accessAcl: 0 }],
      [TRASH_INO + 1, { ...sampleNode, parent: TRASH_INO, type: 2, length: 4096 }],
      [
        2 ** 40,
        { ...sampleNode, parent: 0, atime: -86_400, atimeNsec: 0, mtime: -2, mtimeNsec: 999_999_999 },
      ],
      [2 ** 32 + 5, { ...sampleNode, ctime: 9_000_000_000, ctimeNsec: 1001, mtime: 9_100_000_000 }],
    ]
    await apply(engine, ...nodes.map(([ino, node]) => ({ kind: 'putNode', ino, node }) as const))
    for (const [ino, node] of nodes) assert.deepEqual(plain(await one(engine, { kind: 'node', ino })), node)
    const changed = { ...sampleNode, length: 5, tier: 0, mode: 0 }
    await apply(engine, { kind: 'putNode', ino: 2, node: changed })
    assert.deepEqual(plain(await one(engine, { kind: 'node', ino: 2 })), changed)
    await apply(engine, { kind: 'delNode', ino: 2 })
    assert.equal(await one(engine, { kind: 'node', ino: 2 }), null)
  })

  suite('large ids and device numbers are kept or refused, never changed', async (engine) => {
    for (const field of ['uid', 'gid', 'rdev'] as const) {
      const node = { ...sampleNode, [field]: 3_000_000_000 }
      const put = apply(engine, { kind: 'putNode', ino: 2, node })
      if (options.narrowColumns) {
        await assert.rejects(put, /EOVERFLOW/)
        assert.equal(await one(engine, { kind: 'node', ino: 2 }), null)
      } else {
        await put
        assert.deepEqual(plain(await one(engine, { kind: 'node', ino: 2 })), node)
      }
    }
  })

  suite('an entry is an edge with its node, or with null when it dangles', async (engine) => {
    await apply(engine, { kind: 'putNode', ino: 2, node: sampleNode })
    for (const name of NAMES)
      await apply(engine, { kind: 'putEdge', parent: 1, name, edge: { ino: 2, type: 1 } })
    await apply(engine, {
      kind: 'putEdge',
      parent: TRASH_INO + 1,
      name: 'd',
      edge: { ino: TRASH_INO + 2, type: 2 },
    })
    for (const name of NAMES) {
      const entry = await one(engine, { kind: 'entry', parent: 1, name })
      assert.equal(entry?.ino, 2)
      assert.deepEqual(plain(entry.node), sampleNode)
      assert.deepEqual(await one(engine, { kind: 'edge', parent: 1, name }), { ino: 2, type: 1 })
    }
    assert.deepEqual(await one(engine, { kind: 'entry', parent: TRASH_INO + 1, name: 'd' }), {
      ino: TRASH_INO + 2,
      type: 2,
      node: null,
    })
    await apply(engine, { kind: 'putEdge', parent: 1, name: 'a', edge: { ino: 9, type: 3 } })
    assert.deepEqual(await one(engine, { kind: 'edge', parent: 1, name: 'a' }), { ino: 9, type: 3 })
    await apply(engine, { kind: 'delEdge', parent: 1, name: 'a' })
    assert.equal(await one(engine, { kind: 'edge', parent: 1, name: 'a' }), null)
  })

  suite('symlink targets and xattrs are bytes; an xattr may be empty', async (engine) => {
    const target = Buffer.from([0xff, 0x2f, 0x80])
    const empty = options.noEmptyValues ? slice(7) : new Uint8Array()
    if (options.noEmptyValues) {
      const put = apply(engine, { kind: 'putXattr', ino: 2, name: 'user.empty', value: new Uint8Array() })
      await assert.rejects(put, /EINVAL/)
    }
    const odd: Name = options.narrowColumns ? 'user.\x7f' : 'user.\xff'
    if (options.narrowColumns) {
      const put = apply(engine, { kind: 'putXattr', ino: 2, name: 'user.\xff', value: slice(0) })
      await assert.rejects(put, /EINVAL/)
      assert.equal(await one(engine, { kind: 'xattr', ino: 2, name: 'user.\xff' }), null)
    }
    await apply(
      engine,
      { kind: 'putSymlink', ino: 2, target },
      { kind: 'putXattr', ino: 2, name: 'user.empty', value: empty },
      { kind: 'putXattr', ino: 2, name: odd, value: slice(0) },
      { kind: 'putXattr', ino: 2, name: nameFromText('user.é'), value: slice(1) },
      { kind: 'putXattr', ino: 3, name: 'user.empty', value: slice(2) },
    )
    assert.deepEqual(bytesOf(await one(engine, { kind: 'symlink', ino: 2 })), new Uint8Array(target))
    const xattr = async (name: Name) => bytesOf(await one(engine, { kind: 'xattr', ino: 2, name }))
    assert.deepEqual(await xattr('user.empty'), empty)
    assert.deepEqual(await xattr(odd), slice(0))
    assert.deepEqual(await xattr(nameFromText('user.é')), slice(1))
    assert.deepEqual(
      (await all(engine, { kind: 'xattrs', ino: 2 })).map(({ name }) => name).sort(),
      ['user.empty', odd, nameFromText('user.é')].sort(),
    )
    await apply(engine, { kind: 'delXattr', ino: 2, name: odd })
    assert.equal(await one(engine, { kind: 'xattr', ino: 2, name: odd }), null)
    await apply(engine, { kind: 'delXattrs', ino: 2 }, { kind: 'delSymlink', ino: 2 })
    assert.equal(await one(engine, { kind: 'xattr', ino: 2, name: 'user.empty' }), null)
    assert.notEqual(await one(engine, { kind: 'xattr', ino: 3, name: 'user.empty' }), null)
    assert.equal(await one(engine, { kind: 'symlink', ino: 2 }), null)
  })

  suite('an ACL rule gets an id from 1 and stays as it is', async (engine) => {
    const id = await engine.insertAcl(rule)
    assert.equal(id, 1)
    assert.equal(await engine.insertAcl({ ...rule, users: [], groups: [] }), 2)
    assert.deepEqual(await one(engine, { kind: 'acl', id }), rule)
    assert.deepEqual(
      (await all(engine, { kind: 'acls' }, 1)).map((item) => item.id),
      [1, 2],
    )
  })

  suite('locks keep 64-bit owners and ranges', async (engine) => {
    const owner = 2n ** 64n - 1n
    const flocks = [
      { sid: 1, owner: 0n, type: 'R' as const },
      { sid: 2, owner, type: 'W' as const },
    ]
    const ranges = [
      { type: 'R' as const, pid: 42, start: 0n, end: 99n },
      { type: 'W' as const, pid: 43, start: 100n, end: 2n ** 63n - 1n },
    ]
    await apply(engine, ...flocks.map((lock) => ({ kind: 'putFlock', ino: 2, lock }) as const))
    await apply(engine, { kind: 'putPlock', ino: 2, lock: { sid: 2, owner, ranges } })
    await apply(engine, { kind: 'putPlock', ino: TRASH_INO + 1, lock: { sid: 2, owner: 5n, ranges } })
    const byOwner = (a: { sid: number }, b: { sid: number }) => a.sid - b.sid
    assert.deepEqual([...(await one(engine, { kind: 'flocks', ino: 2 }))!].sort(byOwner), flocks)
    assert.deepEqual(await one(engine, { kind: 'plocks', ino: 2 }), [{ sid: 2, owner, ranges }])
    await apply(engine, { kind: 'putFlock', ino: 2, lock: { sid: 1, owner: 0n, type: 'W' } })
    assert.deepEqual(await all(engine, { kind: 'sessionFlocks', sid: 1 }), [
      { ino: 2, lock: { sid: 1, owner: 0n, type: 'W' } },
    ])
    const plocks = await all(engine, { kind: 'sessionPlocks', sid: 2 }, 1)
    assert.deepEqual(
      plocks.sort((a, b) => a.ino - b.ino).map(({ ino, lock }) => [ino, lock.owner]),
      [
        [2, owner],
        [TRASH_INO + 1, 5n],
      ],
    )
    await apply(
      engine,
      { kind: 'delPlock', ino: 2, sid: 2, owner },
      { kind: 'delFlock', ino: 2, sid: 1, owner: 0n },
    )
    assert.equal(await one(engine, { kind: 'plocks', ino: 2 }), null)
    await apply(engine, { kind: 'delSessionLocks', sid: 2 })
    assert.equal(await one(engine, { kind: 'flocks', ino: 2 }), null)
    assert.equal(await one(engine, { kind: 'plocks', ino: TRASH_INO + 1 }), null)
  })

  suite('sessions, sustained files, deleted files and clones are kept and listed', async (engine) => {
    const sessions = [1, 2, 3].map((sid) => ({ sid, expire: 1000 + sid, info: `{"HostName":"é${sid}"}` }))
    await apply(engine, ...sessions.map((session) => ({ kind: 'putSession', session }) as const))
    assert.deepEqual(await all(engine, { kind: 'sessions' }), sessions)
    await apply(
      engine,
      { kind: 'putSession', session: { ...sessions[0]!, expire: 9 } },
      { kind: 'delSession', sid: 2 },
    )
    assert.deepEqual(await one(engine, { kind: 'session', sid: 1 }), { ...sessions[0]!, expire: 9 })
    assert.equal(await one(engine, { kind: 'session', sid: 2 }), null)

    await apply(engine, ...[9, 7, 8].map((ino) => ({ kind: 'putSustained', sid: 1, ino }) as const))
    await apply(engine, { kind: 'putSustained', sid: 1, ino: 7 }, { kind: 'putSustained', sid: 2, ino: 7 })
    assert.deepEqual((await all(engine, { kind: 'sustained', sid: 1 })).sort(), [7, 8, 9])
    await apply(engine, { kind: 'delSustained', sid: 1, ino: 7 })
    assert.deepEqual(await all(engine, { kind: 'sustained', sid: 2 }), [7])

    const files = [3, 4, 5].map((ino) => ({ ino, length: ino * 1000, deleted: 1_700_000_000 + ino }))
    await apply(engine, ...files.map((file) => ({ kind: 'putDeletedFile', file }) as const))
    assert.deepEqual(await all(engine, { kind: 'deletedFiles' }), files)
    await apply(engine, { kind: 'delDeletedFile', ino: 4, length: 4000 })
    assert.deepEqual(
      (await all(engine, { kind: 'deletedFiles' })).map(({ ino }) => ino),
      [3, 5],
    )

    await apply(
      engine,
      { kind: 'putDetached', ino: 3, added: 10 },
      { kind: 'putDetached', ino: 4, added: 11 },
    )
    await apply(engine, { kind: 'delDetached', ino: 3 })
    assert.deepEqual(await all(engine, { kind: 'detached' }), [{ ino: 4, added: 11 }])
  })

  suite('delayed slices are found by key and in the list', async (engine) => {
    const slices = [
      { id: 1, size: 4_194_304 },
      { id: 2 ** 40, size: 1 },
      { id: 1, size: 4_194_304 },
    ]
    const records = [10, 11, 12].map((newId) => ({ newId, deleted: 1_700_000_000, slices }))
    await apply(engine, ...records.map((record) => ({ kind: 'putDelayedSlices', record }) as const))
    assert.deepEqual(await all(engine, { kind: 'delayedSlices' }), records)
    const key = { kind: 'delayedSlices', newId: 11, deleted: 1_700_000_000 } as const
    assert.deepEqual(await one(engine, key), records[1])
    await apply(engine, { ...key, kind: 'delDelayedSlices' })
    assert.equal(await one(engine, key), null)
    assert.equal((await all(engine, { kind: 'delayedSlices' })).length, 2)
  })
}

function listTests(suite: Suite): void {
  suite('edges and entries come in byte order, whatever the page size', async (engine) => {
    await apply(
      engine,
      { kind: 'putNode', ino: 2, node: sampleNode },
      ...NAMES.map(
        (name, k) => ({ kind: 'putEdge', parent: 1, name, edge: { ino: 2 + k, type: 1 } }) as const,
      ),
      { kind: 'putEdge', parent: 3, name: 'other', edge: { ino: 2, type: 1 } },
    )
    const sorted = [...NAMES].sort()
    for (const limit of [1, 3, 8, 100]) {
      assert.deepEqual(
        (await all(engine, { kind: 'edges', parent: 1 }, limit)).map(({ name }) => name),
        sorted,
      )
    }
    const entries = await all(engine, { kind: 'entries', parent: 1 })
    assert.deepEqual(
      entries.map(({ name }) => name),
      sorted,
    )
    assert.deepEqual(plain(entries.find(({ ino }) => ino === 2)!.node), sampleNode)
    assert.equal(entries.find(({ ino }) => ino === 3)!.node, null)
    const rest = await engine.list({ kind: 'edges', parent: 1 }, { after: sorted[2], limit: 2 })
    assert.deepEqual(
      rest.items.map(({ name }) => name),
      sorted.slice(3, 5),
    )
    assert.equal((await all(engine, { kind: 'allEdges' }, 3)).length, NAMES.length + 1)
  })

  suite('all nodes, edges and chunks are listed across the trash range', async (engine) => {
    const inodes = [2, 3, 2 ** 33, TRASH_INO, TRASH_INO + 1, TRASH_INO + 2]
    await apply(
      engine,
      ...inodes.map((ino) => ({ kind: 'putNode', ino, node: sampleNode }) as const),
      ...inodes.map(
        (parent) => ({ kind: 'putEdge', parent, name: 'x y', edge: { ino: 2, type: 1 } }) as const,
      ),
      ...inodes.flatMap((ino) => [
        { kind: 'appendChunk', ino, index: 0, slices: slice(1) } as const,
        { kind: 'appendChunk', ino, index: 31, slices: slice(2) } as const,
      ]),
    )
    const ascending = (list: Ino[]) => list.sort((a, b) => a - b)
    for (const limit of [1, 2, 100]) {
      assert.deepEqual(
        ascending((await all(engine, { kind: 'allNodes' }, limit)).map(({ ino }) => ino)),
        inodes,
      )
      const edges = await all(engine, { kind: 'allEdges' }, limit)
      assert.deepEqual(ascending(edges.map(({ parent }) => parent)), inodes)
      assert.ok(edges.every(({ name, ino, type }) => name === 'x y' && ino === 2 && type === 1))
      const chunks = await all(engine, { kind: 'allChunks' }, limit)
      assert.equal(chunks.length, 2 * inodes.length)
      assert.deepEqual(new Set(chunks.map(({ ino }) => ino)), new Set(inodes))
    }
  })

  suite('chunks of a file are listed between two indexes', async (engine) => {
    await apply(
      engine,
      ...[0, 1, 5, 9].map((index) => ({ kind: 'appendChunk', ino: 2, index, slices: slice(index) }) as const),
    )
    const indexes = async (from?: number, to?: number) =>
      (await all(engine, { kind: 'chunks', ino: 2, from, to })).map(({ index }) => index)
    assert.deepEqual(await indexes(), [0, 1, 5, 9])
    assert.deepEqual(await indexes(1, 9), [1, 5])
    assert.deepEqual(await indexes(2), [5, 9])
    const [first] = (await engine.list({ kind: 'chunks', ino: 2 }, { limit: 1 })).items
    assert.deepEqual(bytesOf(first!.slices), slice(0))
  })

  suite('a hard-linked node has each directory once, with the number of its links there', async (engine) => {
    const link = (parent: Ino, name: Name): Change[] => [
      { kind: 'putEdge', parent, name, edge: { ino: 2, type: 1 } },
      { kind: 'addParent', ino: 2, parent, add: 1 },
    ]
    await apply(engine, ...link(1, 'a'), ...link(1, 'b'), ...link(TRASH_INO + 1, 'c'))
    const parents = async () =>
      [...((await one(engine, { kind: 'parents', ino: 2 })) ?? [])].sort((a, b) => a.parent - b.parent)
    assert.deepEqual(await parents(), [
      { parent: 1, links: 2 },
      { parent: TRASH_INO + 1, links: 1 },
    ])
    await apply(
      engine,
      { kind: 'delEdge', parent: 1, name: 'a' },
      { kind: 'delEdge', parent: 1, name: 'b' },
      { kind: 'addParent', ino: 2, parent: 1, add: -1 },
      { kind: 'addParent', ino: 2, parent: 1, add: -1 },
    )
    assert.deepEqual(await parents(), [{ parent: TRASH_INO + 1, links: 1 }])
    await apply(engine, { kind: 'delEdge', parent: TRASH_INO + 1, name: 'c' }, { kind: 'delParents', ino: 2 })
    assert.deepEqual(await parents(), [])
  })
}

function guardTests(suite: Suite): void {
  /** Both ways round: the guard that holds commits, the one that does not changes nothing and says what is there. */
  suite('a failed guard brings the actual record and changes nothing', async (engine) => {
    const like = { ...sampleNode, mtime: 1, mtimeNsec: 0, nlink: 77, length: 3, atime: 5, ctime: 6 }
    await apply(
      engine,
      { kind: 'putNode', ino: 2, node: sampleNode },
      { kind: 'putEdge', parent: 1, name: 'a', edge: { ino: 2, type: 1 } },
      { kind: 'appendChunk', ino: 2, index: 0, slices: join(slice(1), slice(2)) },
      { kind: 'putXattr', ino: 2, name: 'user.x', value: slice(3) },
      {
        kind: 'putQuota',
        of: 'dir',
        id: 2,
        quota: { maxSpace: 1, maxInodes: 2, usedSpace: 3, usedInodes: 4 },
      },
      { kind: 'putFlock', ino: 2, lock: { sid: 1, owner: 5n, type: 'R' } },
    )
    const node = (await one(engine, { kind: 'node', ino: 2 }))!
    const marker = { kind: 'putCounter', name: 'nextCleanupSlices', value: 1 } as const
    const holds: Parameters<MetaEngine['commit']>[1] = [
      { kind: 'nodeIs', ino: 2, is: node },
      { kind: 'nodeIs', ino: 99, is: null },
      { kind: 'nodeLike', ino: 2, like: { ...like, raw: node.raw } },
      { kind: 'edgeIs', parent: 1, name: 'a', is: { ino: 2, type: 1 } },
      { kind: 'edgeIs', parent: 1, name: 'b', is: null },
      { kind: 'emptyDir', ino: 2 },
      { kind: 'chunkIs', ino: 2, index: 0, is: join(slice(1), slice(2)) },
      { kind: 'chunkIs', ino: 2, index: 1, is: null },
      { kind: 'chunkStartsWith', ino: 2, index: 0, prefix: slice(1) },
      { kind: 'recordIs', key: { kind: 'xattr', ino: 2, name: 'user.x' }, is: slice(3) },
      { kind: 'recordIs', key: { kind: 'xattr', ino: 2, name: 'user.y' }, is: null },
      { kind: 'recordIs', key: { kind: 'flocks', ino: 2 }, is: [{ sid: 1, owner: 5n, type: 'R' }] },
      { kind: 'recordIs', key: { kind: 'counter', name: 'nextSession' }, is: 0 },
    ]
    for (const guard of holds)
      assert.ok((await engine.commit('test', [guard], [marker])).ok, JSON.stringify(guard.kind))
    assert.ok((await engine.commit('test', holds, [marker])).ok)
    await apply(engine, { ...marker, value: 0 })

    const fails: [Parameters<MetaEngine['commit']>[1][number], (actual: unknown) => void][] = [
      [
        { kind: 'nodeIs', ino: 2, is: { ...node, nlink: 3, raw: undefined } },
        (a) => assert.equal((a as NodeRecord).nlink, 2),
      ],
      [
        { kind: 'nodeIs', ino: 2, is: { ...node, mtimeNsec: 501, raw: undefined } },
        (a) => assert.equal((a as NodeRecord).mtimeNsec, 500),
      ],
      [{ kind: 'nodeIs', ino: 2, is: null }, (a) => assert.notEqual(a, null)],
      [{ kind: 'nodeIs', ino: 99, is: node }, (a) => assert.equal(a, null)],
      [
        { kind: 'nodeLike', ino: 2, like: { ...like, mode: 0 } },
        (a) => assert.equal((a as NodeRecord).mode, 0o6751),
      ],
      [
        { kind: 'nodeLike', ino: 2, like: { ...like, parent: 1 } },
        (a) => assert.equal((a as NodeRecord).parent, TRASH_INO + 7),
      ],
      [{ kind: 'nodeLike', ino: 99, like }, (a) => assert.equal(a, null)],
      [{ kind: 'edgeIs', parent: 1, name: 'a', is: null }, (a) => assert.deepEqual(a, { ino: 2, type: 1 })],
      [{ kind: 'edgeIs', parent: 1, name: 'b', is: { ino: 2, type: 1 } }, (a) => assert.equal(a, null)],
      [{ kind: 'emptyDir', ino: 1 }, (a) => assert.equal(a, false)],
      [{ kind: 'chunkIs', ino: 2, index: 0, is: slice(1) }, (a) => assert.equal(bytesOf(a).length, 48)],
      [
        { kind: 'chunkStartsWith', ino: 2, index: 0, prefix: slice(2) },
        (a) => assert.equal(bytesOf(a).length, 48),
      ],
      [{ kind: 'chunkStartsWith', ino: 2, index: 7, prefix: slice(2) }, (a) => assert.equal(a, null)],
      [
        { kind: 'recordIs', key: { kind: 'xattr', ino: 2, name: 'user.x' }, is: null },
        (a) => assert.deepEqual(bytesOf(a), slice(3)),
      ],
      [
        { kind: 'recordIs', key: { kind: 'flocks', ino: 2 }, is: null },
        (a) => assert.equal((a as unknown[]).length, 1),
      ],
    ]
    for (const [guard, check] of fails) {
      const outcome = await engine.commit('test', [holds[0]!, guard], [{ ...marker, value: 2 }])
      assert.ok(!outcome.ok, guard.kind)
      assert.equal(outcome.failed.length, 1)
      assert.equal(outcome.failed[0]!.guard, 1)
      check(outcome.failed[0]!.actual)
    }
    assert.equal(await one(engine, { kind: 'counter', name: 'nextCleanupSlices' }), 0)
  })

  suite('every failed guard is reported', async (engine) => {
    const outcome = await engine.commit(
      'test',
      [
        { kind: 'nodeIs', ino: 5, is: sampleNode },
        { kind: 'nodeIs', ino: 6, is: null },
        { kind: 'edgeIs', parent: 5, name: 'x', is: { ino: 6, type: 1 } },
      ],
      [{ kind: 'putNode', ino: 6, node: sampleNode }],
    )
    assert.ok(!outcome.ok)
    assert.deepEqual(
      outcome.failed.map(({ guard }) => guard),
      [0, 2],
    )
    assert.equal(await one(engine, { kind: 'node', ino: 6 }), null)
  })
}

function changeTests(suite: Suite, options: SuiteOptions): void {
  suite('touchNode is relative, sets both times, and needs the node', async (engine) => {
    await apply(engine, { kind: 'putNode', ino: TRASH_INO + 1, node: sampleNode })
    const touch = { kind: 'touchNode', ino: TRASH_INO + 1, nlink: 3 } as const
    await apply(engine, touch, { ...touch, nlink: -1, time: { sec: -5, nsec: 7 } })
    assert.deepEqual(plain(await one(engine, { kind: 'node', ino: TRASH_INO + 1 })), {
      ...sampleNode,
      nlink: 4,
      mtime: -5,
      mtimeNsec: 7,
      ctime: -5,
      ctimeNsec: 7,
    })
    const lost = engine.commit(
      'test',
      [],
      [
        { kind: 'putCounter', name: 'nextCleanupSlices', value: 5 },
        { ...touch, ino: 77 },
      ],
    )
    await assert.rejects(lost, /ENOENT/)
    assert.equal(await one(engine, { kind: 'counter', name: 'nextCleanupSlices' }), 0)
  })

  suite('a chunk grows, has its beginning replaced, and goes', async (engine) => {
    const append = (fill: number) => ({ kind: 'appendChunk', ino: 2, index: 3, slices: slice(fill) }) as const
    // 0x00 and 0xff: what SQL concatenation as text would lose.
    assert.deepEqual(await apply(engine, append(0), append(0xff)), [1, 2])
    assert.deepEqual(await apply(engine, { ...append(1), slices: join(slice(1), slice(2)) }), [4])
    const list = async () => bytesOf(await one(engine, { kind: 'chunk', ino: 2, index: 3 }))
    assert.deepEqual(await list(), join(slice(0), slice(0xff), slice(1), slice(2)))
    await apply(engine, { kind: 'replaceChunkPrefix', ino: 2, index: 3, prefixBytes: 72, slices: slice(9) })
    assert.deepEqual(await list(), join(slice(9), slice(2)))
    assert.deepEqual(await apply(engine, append(3)), [3])
    await apply(engine, { kind: 'delChunk', ino: 2, index: 3 })
    assert.equal(await one(engine, { kind: 'chunk', ino: 2, index: 3 }), null)
  })

  suite('a slice lives until its last use is dropped', async (engine) => {
    const add = (id: number, n: number) => ({ kind: 'addSliceRef', id, size: 100, add: n }) as const
    await apply(
      engine,
      { kind: 'newSliceRef', id: 5, size: 100 },
      { kind: 'newSliceRef', id: 2 ** 40, size: 100 },
    )
    assert.deepEqual(await apply(engine, add(5, 1)), [2])
    assert.deepEqual(await apply(engine, add(5, -1), add(2 ** 40, 2)), [1, 3])
    assert.deepEqual(await all(engine, { kind: 'unusedSlices' }), [])
    const [left] = await apply(engine, add(5, -1))
    assert.ok(left! <= 0)
    assert.deepEqual(await all(engine, { kind: 'unusedSlices' }), [{ id: 5, size: 100, uses: 0 }])
    assert.equal((await one(engine, { kind: 'sliceRef', id: 5, size: 100 }))?.uses, 0)
    const refs = await all(engine, { kind: 'sliceRefs' }, 1)
    assert.ok(refs.some(({ id, uses }) => id === 2 ** 40 && uses === 3))
    await apply(engine, { kind: 'delSliceRef', id: 5, size: 100 })
    assert.deepEqual(await all(engine, { kind: 'unusedSlices' }), [])
    if (!options.countsEverySlice) return
    assert.equal(await one(engine, { kind: 'sliceRef', id: 5, size: 100 }), null)
    assert.deepEqual(await apply(engine, add(5, -1)), [1], 'what is not accounted is not deleted')
  })

  suite('usage, statistics and quotas add up; a missing statistics record says so', async (engine) => {
    const before = await engine.read([
      { kind: 'counter', name: 'usedSpace' },
      { kind: 'counter', name: 'totalInodes' },
    ])
    assert.deepEqual(before, [0, 0])
    await apply(
      engine,
      { kind: 'addUsage', space: 2 ** 50, inodes: 3 },
      { kind: 'addUsage', space: -4096, inodes: -1 },
    )
    assert.equal(await one(engine, { kind: 'counter', name: 'usedSpace' }), 2 ** 50 - 4096)
    assert.equal(await one(engine, { kind: 'counter', name: 'totalInodes' }), 2)

    const stat = { kind: 'addDirStat', ino: 2, length: 5, space: 4096, inodes: 1 } as const
    assert.deepEqual(await apply(engine, stat), [0])
    assert.equal(await one(engine, { kind: 'dirStat', ino: 2 }), null)
    await apply(engine, { kind: 'putDirStat', ino: 2, stat: { length: 1, space: 4096, inodes: 1 } })
    assert.deepEqual(await apply(engine, stat), [1])
    assert.deepEqual(await one(engine, { kind: 'dirStat', ino: 2 }), { length: 6, space: 8192, inodes: 2 })
    await apply(engine, { kind: 'delDirStat', ino: 2 })
    assert.equal(await one(engine, { kind: 'dirStat', ino: 2 }), null)

    const use = { kind: 'addQuotaUsage', space: 4096, inodes: 1 } as const
    await apply(
      engine,
      { ...use, of: 'dir', id: 2 },
      { ...use, of: 'user', id: 0 },
      { ...use, of: 'user', id: 0 },
    )
    assert.equal(await one(engine, { kind: 'quota', of: 'dir', id: 2 }), null)
    const user = await one(engine, { kind: 'quota', of: 'user', id: 0 })
    assert.equal(user?.usedSpace, 8192)
    assert.ok(user.maxSpace <= 0 && user.maxInodes <= 0)
    assert.equal(await one(engine, { kind: 'quota', of: 'group', id: 0 }), null)
    const quota = { maxSpace: 2 ** 45, maxInodes: -1, usedSpace: 10, usedInodes: 1 }
    await apply(
      engine,
      { kind: 'putQuota', of: 'dir', id: 2, quota },
      { kind: 'putQuota', of: 'group', id: 3_000_000_000, quota },
    )
    await apply(engine, { ...use, of: 'dir', id: 2 }, { ...use, of: 'group', id: 3_000_000_000, space: -10 })
    assert.deepEqual(await one(engine, { kind: 'quota', of: 'dir', id: 2 }), {
      ...quota,
      usedSpace: 4106,
      usedInodes: 2,
    })
    assert.deepEqual(await all(engine, { kind: 'quotas', of: 'group' }), [
      { id: 3_000_000_000, ...quota, usedSpace: 0, usedInodes: 2 },
    ])
    await apply(engine, { kind: 'delQuota', of: 'dir', id: 2 }, { kind: 'delQuota', of: 'user', id: 0 })
    assert.deepEqual(await all(engine, { kind: 'quotas', of: 'dir' }), [])
  })
}

function counterTests(suite: Suite): void {
  suite('numbers are given out once: inodes from 2, slices and sessions from 1', async (engine) => {
    const inodes = await engine.allocate('nextInode', 1024)
    assert.ok(inodes <= 2, 'the reference skips 0 and 1')
    assert.equal(await engine.allocate('nextInode', 1024), inodes + 1024)
    assert.equal(await engine.allocate('nextChunk', 4096), 1)
    assert.equal(await engine.allocate('nextChunk', 1), 4097)
    for (const counter of ['nextSession', 'nextTrash'] as const) {
      assert.equal(await engine.allocate(counter, 1), 1)
      assert.equal(await engine.allocate(counter, 3), 2)
      assert.equal(await engine.allocate(counter, 1), 5)
    }
  })

  suite('a counter of ids reads as the next one to be given out, and can be set', async (engine) => {
    for (const name of ['nextInode', 'nextChunk'] as const) {
      const first = await engine.allocate(name, 1024)
      assert.equal(await one(engine, { kind: 'counter', name }), first + 1024)
      await apply(engine, { kind: 'putCounter', name, value: 5000 })
      assert.equal(await one(engine, { kind: 'counter', name }), 5000)
      assert.equal(await engine.allocate(name, 10), 5000)
    }
    await apply(engine, { kind: 'putCounter', name: 'nextTrash', value: 7 })
    assert.equal(await engine.allocate('nextTrash', 1), 8)
  })

  suite('a gate lets one in per period', async (engine) => {
    assert.equal(await engine.claim('lastCleanupTrash', 10_000, 3240), true)
    assert.equal(await engine.claim('lastCleanupTrash', 10_001, 3240), false)
    assert.equal(await engine.claim('lastCleanupFiles', 10_001, 3240), true)
    assert.equal(await engine.claim('lastCleanupTrash', 13_239, 3240), false)
    assert.equal(await engine.claim('lastCleanupTrash', 13_240, 3240), true)
    assert.equal(await one(engine, { kind: 'counter', name: 'lastCleanupTrash' }), 13_240)
    assert.equal(await engine.claim('lastCleanupTrash', 10_001, 3240), false)
    assert.equal(
      await engine.claim('lastCleanupTrash', 10_000, 3240),
      true,
      'that was of a clock hours ahead',
    )
    assert.equal(await one(engine, { kind: 'counter', name: 'lastCleanupTrash' }), 10_000)
  })

  suite('the setting is kept as text', async (engine) => {
    const text = '{\n"Name": "é \\u003c"\n}'
    await apply(engine, { kind: 'putSetting', text })
    assert.equal(await one(engine, { kind: 'setting' }), text)
  })
}

function placeTests(name: string, options: SuiteOptions): void {
  test(`${name}: a place with a volume cannot be initialized again, and is empty once destroyed`, async (t) => {
    const engine = await (await options.place(t)).open()
    t.after(() => engine.close())
    await engine.initialize()
    await engine.initialize()
    await apply(engine, { kind: 'putSetting', text: '{}' }, { kind: 'putNode', ino: 1, node: sampleNode })
    await engine.upgrade()
    await assert.rejects(engine.initialize(), { kind: 'invalid' })
    await engine.destroy()
    assert.deepEqual(await engine.read([{ kind: 'setting' }, { kind: 'node', ino: 1 }]), [null, null])
    await engine.initialize()
  })

  test(`${name}: a closed engine answers "closed"`, async (t) => {
    const engine = await (await options.place(t)).open()
    await engine.initialize()
    await engine.close()
    await engine.close()
    await assert.rejects(engine.read([{ kind: 'setting' }]), { kind: 'closed' })
    await assert.rejects(engine.commit('test', [], []), { kind: 'closed' })
  })

  test(`${name}: sync resolves, alone and many at once`, async (t) => {
    const engine = await (await options.place(t)).open()
    t.after(() => engine.close())
    await engine.initialize()
    await engine.sync()
    const syncs: Promise<void>[] = []
    for (let k = 0; k < 50; k++) {
      await apply(engine, { kind: 'putCounter', name: 'nextCleanupSlices', value: k })
      syncs.push(engine.sync())
    }
    await Promise.all(syncs)
  })
}

/** Two clients on one place, in this process. */
function sharedTests(name: string, options: SuiteOptions): void {
  test(`${name}: what others wrote since a mark is told, where the engine tells of it`, async (t) => {
    const place = await options.place(t)
    const [engine, other] = [await place.open(), await place.open()] as const
    t.after(() => Promise.all([engine.close(), other.close()]))
    await engine.initialize()
    if (engine.recentChanges === undefined) return t.skip('it pushes changes, or cannot tell')
    const now = { ...sampleNode, ctime: Math.floor(Date.now() / 1000) }
    const old = { ...sampleNode, ctime: 1 }
    const keys = async (mark: string) => {
      const recent = await engine.recentChanges!(mark)
      assert.ok(recent.changes)
      return {
        mark: recent.mark,
        told: new Set(recent.changes.map((change) => JSON.stringify(change).replaceAll('"', ''))),
      }
    }
    for (let ino = 5; ino < 50; ino++)
      await apply(
        other,
        { kind: 'putNode', ino, node: old },
        { kind: 'appendChunk', ino, index: 0, slices: slice(1) },
      )
    const { mark, changes } = await engine.recentChanges(undefined)
    assert.equal(changes, undefined)
    await apply(
      other,
      { kind: 'putNode', ino: 2 ** 40, node: now },
      { kind: 'putEdge', parent: 1, name: '\xff', edge: { ino: 2 ** 40, type: 1 } },
      { kind: 'appendChunk', ino: 2 ** 40, index: 3, slices: slice(2) },
    )
    const first = await keys(mark)
    const isNode = [...first.told].some((text) => /kind:(node|file),ino:1099511627776/.test(text))
    assert.ok(isNode, [...first.told].join())
    assert.ok(first.told.has('{kind:edge,parent:1,name:\xff}'))
    assert.ok(first.told.has('{kind:chunk,ino:1099511627776,index:3}'))
    // Transactions that were under way may be told twice.
    assert.ok(first.told.size < 20, 'what is older is not told')
    // A chunk that was there before: its file is told, or the chunk itself.
    await apply(
      other,
      { kind: 'putNode', ino: 5, node: now },
      { kind: 'appendChunk', ino: 5, index: 0, slices: slice(3) },
    )
    const second = await keys(first.mark)
    assert.ok(second.told.has('{kind:file,ino:5}') || second.told.has('{kind:chunk,ino:5,index:0}'))
  })

  test(`${name}: racing clients lose no update and never both win`, async (t) => {
    const place = await options.place(t)
    const engines = [await place.open(), await place.open()]
    t.after(() => Promise.all(engines.map((engine) => engine.close())))
    await engines[0]!.initialize()
    await apply(engines[0]!, { kind: 'putNode', ino: 2, node: { ...sampleNode, nlink: 0 } })
    const won = [0, 0]
    const tasks = new TaskSet(silentLog)
    for (const [who, engine] of engines.entries()) {
      tasks.start('client', async () => {
        for (let k = 0; k < 100; k++) {
          const outcome = await engine.commit(
            'test',
            [{ kind: 'edgeIs', parent: 1, name: `n${k}`, is: null }],
            [
              { kind: 'putEdge', parent: 1, name: `n${k}`, edge: { ino: 10 + who, type: 1 } },
              { kind: 'touchNode', ino: 2, nlink: 1 },
              { kind: 'addUsage', space: 4096, inodes: 1 },
            ],
          )
          if (outcome.ok) won[who]!++
        }
      })
    }
    await tasks.drain()
    assert.equal(won[0]! + won[1]!, 100)
    for (const engine of engines) await engine.sync() // usage may be written in batches
    for (const engine of engines) {
      assert.equal((await one(engine, { kind: 'node', ino: 2 }))?.nlink, 100)
      assert.equal(await one(engine, { kind: 'counter', name: 'usedSpace' }), 409_600)
      assert.equal((await all(engine, { kind: 'edges', parent: 1 }, 30)).length, 100)
    }
  })
}
