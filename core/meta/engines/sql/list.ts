/** Records by range, page by page: the statement that finds a page, and what its rows mean. */
import { inoText } from '#core/base/ino.ts'
import { nameFromBytes, nameToBytes } from '#core/base/name.ts'
import type { ListTypes, Page, PageRequest, RecordRange } from '#core/meta/engine.ts'
import type { NodeType, SliceRef } from '#core/meta/records.ts'
import { decodeDelayed } from '#core/meta/records-codec.ts'
import type { SqlValue } from './dialect.ts'
import {
  aclFromRow,
  entryFromRow,
  flockFromRow,
  plockFromRow,
  QUOTA_TYPE,
  type Query,
  quotaFromRow,
  sessionFromRow,
  wideIno,
} from './read.ts'
import {
  exact,
  inoFromRow,
  inoToSql,
  nameFromBlob,
  nodeFromRow,
  ownerToSql,
  type SqlInteger,
} from './rows.ts'
import type { Row, StatementName } from './statements.ts'

type Item = ListTypes[RecordRange['kind']]

/** Before every key of a table. */
const FIRST = -(2n ** 63n)
const NO_BYTES = Buffer.alloc(0)
/** More chunks than a file of 2^57 bytes can have. */
const LAST_CHUNK = 2 ** 31

/** One page of a range, to be read by `statement` with `params`; `page` makes it of the rows. */
export interface PageQuery extends Query {
  readonly page: (rows: readonly Row[]) => Page<Item>
}

/** `legacySessions`: the table of sessions from before 1.0 exists. */
export function pageQuery(
  range: RecordRange,
  { after, limit }: PageRequest,
  legacySessions: boolean,
): PageQuery {
  switch (range.kind) {
    case 'edges':
      return page(
        rows('edges', inoToSql(range.parent), nameMark(after), limit),
        limit,
        edgeItem,
        (item) => item.name,
      )
    case 'entries':
      return page(
        rows('entries', inoToSql(range.parent), nameMark(after), limit),
        limit,
        (row) => ({ name: nameFromBlob(row[0]), ...entryFromRow(row, 1) }),
        (item) => item.name,
      )
    case 'chunks': {
      const from = after === undefined ? (range.from ?? 0) : Number(after) + 1
      return page(
        rows('chunks', inoToSql(range.ino), from, range.to ?? LAST_CHUNK, limit),
        limit,
        (row) => ({ index: row[0] as number, slices: row[1] as Uint8Array }),
        (item) => String(item.index),
      )
    }
    case 'allChunks': {
      const [ino, index] = pairMark(after)
      return page(
        rows('allChunks', ino, index === '' ? -1 : Number(index), limit),
        limit,
        (row) => ({ ino: inoFromRow(row[0]), index: row[1] as number, slices: row[2] as Uint8Array }),
        (item) => `${inoText(item.ino)} ${item.index}`,
      )
    }
    case 'allNodes':
      return page(
        rows('allNodes', integerMark(after), limit),
        limit,
        (row) => ({ ino: inoFromRow(row[0]), node: nodeFromRow(row, 1) }),
        (item) => inoText(item.ino),
      )
    case 'allEdges': {
      const [parent, name] = pairMark(after)
      return page(
        rows('allEdges', parent, nameToBytes(name), limit),
        limit,
        (row) => ({
          parent: inoFromRow(row[0]),
          name: nameFromBlob(row[1]),
          ino: inoFromRow(row[2]),
          type: row[3] as NodeType,
        }),
        (item) => `${inoText(item.parent)} ${item.name}`,
      )
    }
    case 'xattrs':
      return page(
        rows('xattrs', inoToSql(range.ino), nameMark(after), limit),
        limit,
        (row) => ({ name: nameFromBlob(row[0]), value: (row[1] as Uint8Array | null) ?? new Uint8Array() }),
        (item) => item.name,
      )
    case 'sessions':
      return page(
        rows(legacySessions ? 'bothSessions' : 'sessions', integerMark(after), limit),
        limit,
        (row) => sessionFromRow(row),
        (item) => String(item.sid),
      )
    case 'sustained':
      return page(
        rows('sustained', range.sid, integerMark(after), limit),
        limit,
        (row) => inoFromRow(row[0]),
        inoText,
      )
    case 'deletedFiles':
      return page(
        rows('deletedFiles', integerMark(after), limit),
        limit,
        (row) => ({
          ino: inoFromRow(row[0]),
          length: exact(row[1], 'file length'),
          deleted: row[2] as number,
        }),
        (item) => inoText(item.ino),
      )
    case 'delayedSlices':
      return delayedPage(rows('delayedSlices', integerMark(after), limit), limit)
    case 'unusedSlices': {
      const [refs, id] = pairMark(after)
      return page(
        rows('unusedSlices', refs, Number(id), limit),
        limit,
        sliceRefItem,
        (_, row) => `${row[2]} ${row[0]}`,
      )
    }
    case 'sliceRefs':
      return page(rows('sliceRefs', integerMark(after), limit), limit, sliceRefItem, (item) =>
        String(item.id),
      )
    case 'quotas':
      return page(
        range.of === 'dir'
          ? rows('dirQuotas', integerMark(after), limit)
          : rows('ownerQuotas', integerMark(after), QUOTA_TYPE[range.of], limit),
        limit,
        (row) => ({ id: inoFromRow(row[0]), ...quotaFromRow(row, 1) }),
        (item) => inoText(item.id),
      )
    case 'acls':
      return page(
        rows('acls', integerMark(after), limit),
        limit,
        (row) => ({ id: row[0] as number, rule: aclFromRow(row, 1) }),
        (item) => String(item.id),
      )
    case 'detached':
      return page(
        rows('detached', integerMark(after), limit),
        limit,
        (row) => ({ ino: inoFromRow(row[0]), added: row[1] as number }),
        (item) => inoText(item.ino),
      )
    case 'sessionFlocks':
      return page(
        rows('sessionFlocks', range.sid, ...lockMark(after), limit),
        limit,
        (row) => ({ ino: wideIno(row[0]), lock: flockFromRow(row, 1) }),
        (item) => lockText(item),
      )
    case 'sessionPlocks':
      return page(
        rows('sessionPlocks', range.sid, ...lockMark(after), limit),
        limit,
        (row) => ({ ino: wideIno(row[0]), lock: plockFromRow(row, 1) }),
        (item) => lockText(item),
      )
    default:
      return range satisfies never
  }
}

function rows(statement: StatementName, ...params: readonly SqlValue[]): Query {
  return { statement, params }
}

/** A full page may be followed by another; `mark` is where that one begins. */
function page<T extends Item>(
  query: Query,
  limit: number,
  item: (row: Row) => T,
  mark: (item: T, row: Row) => string,
): PageQuery {
  return {
    ...query,
    page: (rows) => {
      const items = rows.map(item)
      return rows.length < limit ? { items } : { items, next: mark(items.at(-1)!, rows.at(-1)!) }
    },
  }
}

/** Corrupt records are left out (R§9), so the mark comes from the row, not from the item. */
function delayedPage(query: Query, limit: number): PageQuery {
  return {
    ...query,
    page: (rows) => {
      const items = rows.flatMap((row) => {
        const slices = decodeDelayed(row[2] as Uint8Array)
        if (slices === undefined) return []
        return [{ newId: exact(row[0], 'slice id'), deleted: row[1] as number, slices }]
      })
      return rows.length < limit ? { items } : { items, next: String(rows.at(-1)![0]) }
    },
  }
}

function edgeItem(row: Row): ListTypes['edges'] {
  return { name: nameFromBytes(row[0] as Uint8Array), ino: inoFromRow(row[1]), type: row[2] as NodeType }
}

function sliceRefItem(row: Row): SliceRef {
  return { id: exact(row[0], 'slice id'), size: row[1] as number, uses: Math.max(0, row[2] as number) }
}

function nameMark(after: string | undefined): Buffer {
  return after === undefined ? NO_BYTES : nameToBytes(after)
}

function integerMark(after: string | undefined): SqlInteger {
  return after === undefined ? FIRST : BigInt(after)
}

/** `<integer> <rest>`. */
function pairMark(after: string | undefined): [bigint, string] {
  if (after === undefined) return [FIRST, '']
  const at = after.indexOf(' ')
  return [BigInt(after.slice(0, at)), after.slice(at + 1)]
}

function lockMark(after: string | undefined): [bigint, bigint] {
  const [ino, owner] = pairMark(after)
  return [ino, owner === '' ? FIRST : ownerToSql(BigInt(owner))]
}

function lockText(item: ListTypes['sessionFlocks'] | ListTypes['sessionPlocks']): string {
  return `${inoText(item.ino)} ${item.lock.owner}`
}
