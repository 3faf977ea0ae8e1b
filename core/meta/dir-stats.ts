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
 * already would then hold it twice. With company a count is right when it comes out the same after this time.
 */
const OWED_MS = 2000
/** Then a directory that never rests is left to its next change, or to fsck. */
const TRIES = 30

export interface StatsHost extends Runner {
  /** Of our own session; 0 without one. */
  readonly sid: number
}

/** Store the record of `dir` unless there is one. After `signal` nothing is waited for: with company it stays missing. */
export async function restoreDirStat(by: StatsHost, dir: Ino, signal: AbortSignal): Promise<void> {
  let last: DirStat | undefined
  for (let tries = 0; tries < TRIES; tries++) {
    last = await tryRestore(by, dir, last)
    if (last === undefined || signal.aborted) return
    await by.clock.sleep(OWED_MS, signal).catch(() => {
      last = undefined
    })
  }
}

/** Store the count if it is the same as `before`, or if no other client is there; else return it. */
async function tryRestore(
  by: StatsHost,
  dir: Ino,
  before: DirStat | undefined,
): Promise<DirStat | undefined> {
  const alone = await isAlone(by)
  return run(by, 'syncDirStat', async (tx) => {
    const [node, stat] = await tx.read([
      { kind: 'node', ino: dir },
      { kind: 'dirStat', ino: dir },
    ])
    if (node === null || node.type !== TYPE_DIRECTORY || stat !== null) return undefined
    const counted = await countEntries(by, tx, dir, node)
    if (!alone && !isDeepStrictEqual(counted, before)) return counted
    tx.guard({ kind: 'recordIs', key: { kind: 'dirStat', ino: dir }, is: null })
    tx.change({ kind: 'putDirStat', ino: dir, stat: counted })
    return undefined
  })
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
