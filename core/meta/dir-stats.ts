/** Directory statistics that are missing, counted anew from the entries. Source: meta-records.md §15. */
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

/** Store the record of `dir` unless there is one. */
export function restoreDirStat(by: Runner, dir: Ino): Promise<void> {
  return run(by, 'syncDirStat', async (tx) => {
    const [node, stat] = await tx.read([
      { kind: 'node', ino: dir },
      { kind: 'dirStat', ino: dir },
    ])
    if (node === null || node.type !== TYPE_DIRECTORY || stat !== null) return
    const counted = await countEntries(by, tx, dir, node)
    tx.guard({ kind: 'recordIs', key: { kind: 'dirStat', ino: dir }, is: null })
    tx.change({ kind: 'putDirStat', ino: dir, stat: counted })
  })
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
