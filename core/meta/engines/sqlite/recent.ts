/**
 * What was written lately, by anybody: the format keeps no list of it. New rows have the highest row ids, and whatever
 * changes a file or its names changes the node's ctime, which takes a pass over the nodes: some 0.2 s for a million.
 *
 * A mark is as old as the oldest change that may still come with an earlier time: a transaction is milliseconds, and all
 * clients of a file share its computer's clock.
 */
import type { Database } from 'better-sqlite3'
import type { Clock } from '#core/base/clock.ts'
import { nameFromBytes } from '#core/base/name.ts'
import type { RecentChange } from '#core/meta/engine.ts'
import { inoFromRow } from '../sql/rows.ts'
import { tableName } from '../sql/tables.ts'
import { sqliteDialect } from './dialect.ts'

/** Changes told at most. */
const MOST = 100_000
const MARGIN_SEC = 5

interface Mark {
  readonly chunk: number
  readonly edge: number
  /** Unix seconds. */
  readonly since: number
}

export class RecentChanges {
  readonly #db: Database
  readonly #clock: Clock
  readonly #s: ReturnType<typeof prepare>
  /** The file as another connection changed it last, and the mark given then. */
  #seen: { readonly version: unknown; readonly own: number; readonly mark: string } | undefined

  constructor(db: Database, prefix: string, clock: Clock) {
    this.#db = db
    this.#clock = clock
    this.#s = prepare(db, prefix)
  }

  /** In one transaction of the caller's. `own`: commits of this connection. */
  since(
    mark: string | undefined,
    own: number,
  ): { readonly mark: string; readonly changes?: readonly RecentChange[] } {
    const version = this.#db.pragma('data_version', { simple: true })
    const { version: before, own: ownBefore, mark: given } = this.#seen ?? {}
    if (mark !== undefined && mark === given && before === version && ownBefore === own)
      return { mark, changes: [] }
    const next = JSON.stringify({
      chunk: this.#s.lastChunk.pluck().get() as number,
      edge: this.#s.lastEdge.pluck().get() as number,
      since: this.#clock.nowSec() - MARGIN_SEC,
    } satisfies Mark)
    this.#seen = { version, own, mark: next }
    if (mark === undefined) return { mark: next }
    const { chunk, edge, since } = JSON.parse(mark) as Mark
    const chunks = this.#s.chunks.all(chunk, MOST) as [number, number][]
    const edges = this.#s.edges.all(edge, MOST) as [number, Buffer, number][]
    const nodes = this.#s.nodes.all(since * 1e6, MOST) as [number, number][]
    const names = this.#s.names.all(since * 1e6, MOST) as [number, Buffer][]
    if ([chunks, edges, nodes, names].some((rows) => rows.length === MOST)) return { mark: next }
    const changes: RecentChange[] = chunks.map(([ino, index]) => ({
      kind: 'chunk',
      ino: inoFromRow(ino),
      index,
    }))
    for (const [parent, name, ino] of edges) {
      changes.push({ kind: 'edge', parent: inoFromRow(parent), name: nameFromBytes(name) })
      changes.push({ kind: 'node', ino: inoFromRow(ino) })
    }
    for (const [ino, type] of nodes)
      changes.push({ kind: type === 1 ? 'file' : 'node', ino: inoFromRow(ino) })
    for (const [parent, name] of names)
      changes.push({ kind: 'edge', parent: inoFromRow(parent), name: nameFromBytes(name) })
    return { mark: next, changes }
  }
}

function prepare(db: Database, prefix: string) {
  const table = (name: string) => tableName(sqliteDialect, { prefix, schema: '' }, name)
  const ino = (column: string) => sqliteDialect.carried(column)
  return {
    lastChunk: db.prepare(`SELECT coalesce(max(id), 0) FROM ${table('chunk')}`),
    lastEdge: db.prepare(`SELECT coalesce(max(id), 0) FROM ${table('edge')}`),
    chunks: db.prepare(`SELECT ${ino('inode')}, indx FROM ${table('chunk')} WHERE id > ? LIMIT ?`).raw(true),
    edges: db
      .prepare(
        `SELECT ${ino('parent')}, CAST(name AS BLOB), ${ino('inode')} FROM ${table('edge')} WHERE id > ? LIMIT ?`,
      )
      .raw(true),
    nodes: db
      .prepare(`SELECT ${ino('inode')}, type FROM ${table('node')} WHERE ctime >= ? LIMIT ?`)
      .raw(true),
    names: db
      .prepare(
        `SELECT ${ino('e.parent')}, CAST(e.name AS BLOB) FROM ${table('node')} AS n JOIN ${table('edge')} AS e ON e.inode = n.inode WHERE n.ctime >= ? LIMIT ?`,
      )
      .raw(true),
  }
}
