/** Directory statistics that are missing, counted anew from the entries. Source: meta-records.md §15. */
import { isDeepStrictEqual } from 'node:util'
import type { Ino } from '#core/base/ino.ts'
import type { ListTypes } from './engine.ts'
import { type DirStat, type NodeRecord, spaceOf, TYPE_DIRECTORY, TYPE_FILE } from './records.ts'
import { type Runner, run, type Tx } from './tx.ts'

const PAGE = 1000
/**
 * With at most so many entries each of them is guarded, and the count is exact whatever happens meanwhile. In a
 * larger directory files that grow between listing and commit are missed: fsck mends that.
 */
const GUARDED_ENTRIES = 500

/**
 * The reference client adds what it changed to a record up to a second after the change: a count that holds the change
 * already then holds it twice. A count that comes out the same after this time was right.
 */
const OWED_MS = 2000
/** Then a directory that never rests is left to fsck. */
const CHECKS = 30

export interface StatsHost extends Runner {
  /** Of our own session; 0 without one. */
  readonly sid: number
}

/** Store the record of `dir` unless there is one, and with company look again whether it is right, until `signal`. */
export async function restoreDirStat(by: StatsHost, dir: Ino, signal: AbortSignal): Promise<void> {
  let before = await store(by, dir)
  if (before === undefined || (await isAlone(by))) return
  // What is not guarded is not exact enough to correct anything by, nor is a large directory to be listed again and again.
  for (let checks = 0; checks < CHECKS && before.inodes <= GUARDED_ENTRIES; checks++) {
    await by.clock.sleep(OWED_MS, signal).catch(() => {})
    if (signal.aborted) return
    const now = await correct(by, dir, before)
    if (now === undefined) return
    before = now
  }
}

/** What was counted and stored; undefined when nothing was to do. */
function store(by: StatsHost, dir: Ino): Promise<DirStat | undefined> {
  return run(by, 'syncDirStat', async (tx) => {
    const [node, stat] = await readDirectory(tx, dir)
    if (node?.type !== TYPE_DIRECTORY || stat !== null) return undefined
    return change(tx, dir, stat, await countEntries(by, tx, dir, node))
  })
}

/** When the count is the same as `before` the record is made so, too, and that is all; else what was counted now. */
function correct(by: StatsHost, dir: Ino, before: DirStat): Promise<DirStat | undefined> {
  return run(by, 'syncDirStat', async (tx) => {
    const [node, stat] = await readDirectory(tx, dir)
    if (node?.type !== TYPE_DIRECTORY) return undefined
    const counted = await countEntries(by, tx, dir, node)
    if (!isDeepStrictEqual(counted, before)) return counted
    if (!isDeepStrictEqual(counted, stat)) change(tx, dir, stat, counted)
    return undefined
  })
}

function readDirectory(tx: Tx, dir: Ino) {
  return tx.read([
    { kind: 'node', ino: dir },
    { kind: 'dirStat', ino: dir },
  ])
}

function change(tx: Tx, dir: Ino, from: DirStat | null, to: DirStat): DirStat {
  tx.guard({ kind: 'recordIs', key: { kind: 'dirStat', ino: dir }, is: from })
  tx.change({ kind: 'putDirStat', ino: dir, stat: to })
  return to
}

/** Sessions that have expired count: what is left of their client may still write. */
async function isAlone({ engine, sid }: StatsHost): Promise<boolean> {
  const { items } = await engine.list({ kind: 'sessions' }, { limit: 2 })
  return items.every((session) => session.sid === sid)
}

async function countEntries(by: Runner, tx: Tx, dir: Ino, node: NodeRecord): Promise<DirStat> {
  const sum = { length: 0, space: 0, inodes: 0 }
  const guarded: ListTypes['entries'][] = []
  let after: string | undefined
  do {
    const page = await by.engine.list({ kind: 'entries', parent: dir }, { after, limit: PAGE })
    for (const entry of page.items) {
      if (entry.node?.type === TYPE_FILE) sum.length += entry.node.length
      sum.space += entry.node === null ? 4096 : spaceOf(entry.node)
      sum.inodes++
      if (guarded.length <= GUARDED_ENTRIES) guarded.push(entry)
    }
    after = page.next
  } while (after !== undefined)
  if (sum.inodes > GUARDED_ENTRIES) {
    tx.nodeLike(dir, node)
    return sum
  }
  tx.nodeIs(dir, node)
  // The entry too: an engine may have read its node later than its name.
  for (const { name, ino, type, node } of guarded) {
    tx.edgeIs(dir, name, { ino, type })
    tx.nodeIs(ino, node)
  }
  return sum
}
