/**
 * Do the metadata agree with each other? Link counts, entries without a node, nodes without an entry,
 * directory statistics, volume counters. Everything is streamed; some 100 bytes a node are held, for at most
 * eight million nodes at a time (id-table.ts). Others may change the volume meanwhile: what looks wrong is
 * looked at again, by itself, before it is reported.
 *
 * Source: shared/spec/admin-tools.md §7.1, meta-records.md §11, §15, §16.
 */
import type { Clock } from '#core/base/clock.ts'
import { type Ino, inoText, isTrash, ROOT_INO, TRASH_INO } from '#core/base/ino.ts'
import { type Name, nameToText } from '#core/base/name.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import { type DirStat, type NodeRecord, spaceOf, TYPE_DIRECTORY, TYPE_FILE } from '#core/meta/records.ts'
import { IdTable } from './id-table.ts'
import { pages } from './pages.ts'

export type Problem =
  | { readonly kind: 'nlink'; readonly ino: Ino; readonly stored: number; readonly real: number }
  | {
      readonly kind: 'dangling'
      readonly parent: Ino
      readonly name: Name
      readonly ino: Ino
      readonly directory: boolean
    }
  | { readonly kind: 'orphan'; readonly ino: Ino; readonly type: number; readonly length: number }
  | { readonly kind: 'dirStat'; readonly ino: Ino; readonly stored: DirStat | null; readonly real: DirStat }
  | {
      readonly kind: 'counter'
      readonly name: 'usedSpace' | 'totalInodes'
      readonly stored: number
      readonly real: number
    }

export interface TreeProgress {
  readonly nodes: number
  readonly edges: number
}

export interface TreeCheck {
  readonly engine: MetaEngine
  readonly clock: Clock
  /** The volume keeps directory statistics. */
  readonly dirStats: boolean
  /** Compare every directory's statistics; without, only missing ones count. */
  readonly compareDirStats: boolean
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: TreeProgress) => void
  /** Nodes of one pass; for tests. */
  readonly limit?: number
}

const NLINK = 0
const TYPE = 1
const LENGTH = 2
/** Entries that name the node. */
const LINKS = 3
/** Directories in it. */
const SUBDIRS = 4
const SUM_LENGTH = 5
const SUM_SPACE = 6
const SUM_INODES = 7
const COLUMNS = 8

/** Other clients add their statistics up for a second before they store them (meta-records.md §15). */
const SETTLE_MS = 2500
const BATCH = 500

/** Everything that is wrong in the whole volume. */
export async function checkTree(check: TreeCheck): Promise<readonly Problem[]> {
  const sum = { nodes: 0, edges: 0, space: 0, inodes: 0 }
  const suspects: Problem[] = []
  const before = await readCounters(check.engine)
  for (let from = 0; from < Number.POSITIVE_INFINITY; ) {
    const table = await gatherNodes(check, from, sum)
    await followEdges(check, table, sum, suspects)
    await judgeNodes(check, table, suspects)
    from = table.below
  }
  const problems = await lookAgain(check, suspects)
  return [...problems, ...checkCounters(before, await readCounters(check.engine), sum)]
}

type Sum = { nodes: number; edges: number; space: number; inodes: number }

async function gatherNodes(
  { engine, signal, onProgress, limit }: TreeCheck,
  from: number,
  sum: Sum,
): Promise<IdTable> {
  const table = new IdTable(from, COLUMNS, limit)
  for await (const { ino, node } of pages(engine, { kind: 'allNodes' }, signal)) {
    if (from === 0 && ino !== ROOT_INO && ino !== TRASH_INO) {
      sum.space += spaceOf(node)
      sum.inodes++
    }
    const slot = table.slot(ino)
    if (slot < 0) continue
    table.set(slot, NLINK, node.nlink)
    table.set(slot, TYPE, node.type)
    table.set(slot, LENGTH, node.length)
    sum.nodes++
    onProgress?.(sum)
  }
  return table
}

async function followEdges(check: TreeCheck, table: IdTable, sum: Sum, suspects: Problem[]): Promise<void> {
  const { engine, signal, onProgress } = check
  const unknown: { parentSlot: number; parent: Ino; name: Name; ino: Ino; type: number }[] = []
  const settleUnknown = async () => {
    const nodes = await engine.read(unknown.map(({ ino }) => ({ kind: 'node', ino }) as const))
    for (const [k, edge] of unknown.entries()) {
      const node = nodes[k]!
      if (node === null) {
        if (edge.ino >= table.from && edge.ino < table.below) {
          const { parent, name, ino, type } = edge
          suspects.push({ kind: 'dangling', parent, name, ino, directory: type === TYPE_DIRECTORY })
        }
      } else if (edge.parentSlot >= 0) addChild(table, edge.parentSlot, node.type, node.length)
    }
    unknown.length = 0
  }
  for await (const edge of pages(engine, { kind: 'allEdges' }, signal)) {
    sum.edges++
    if (sum.edges % 1000 === 0) onProgress?.(sum)
    const slot = table.find(edge.ino)
    const parentSlot = table.find(edge.parent)
    if (slot >= 0) {
      table.add(slot, LINKS, 1)
      if (parentSlot >= 0) addChild(table, parentSlot, table.get(slot, TYPE), table.get(slot, LENGTH))
      continue
    }
    const inRange = edge.ino >= table.from && edge.ino < table.below
    if (parentSlot < 0 && !inRange) continue
    unknown.push({ parentSlot, parent: edge.parent, name: edge.name, ino: edge.ino, type: edge.type })
    if (unknown.length >= BATCH) await settleUnknown()
  }
  if (unknown.length > 0) await settleUnknown()
}

function addChild(table: IdTable, parentSlot: number, type: number, length: number): void {
  const stat = childStat({ type: type as NodeRecord['type'], length })
  if (type === TYPE_DIRECTORY) table.add(parentSlot, SUBDIRS, 1)
  table.add(parentSlot, SUM_LENGTH, stat.length)
  table.add(parentSlot, SUM_SPACE, stat.space)
  table.add(parentSlot, SUM_INODES, 1)
}

/** What one entry adds to the statistics of its directory. */
export function childStat(node: Pick<NodeRecord, 'type' | 'length'>): DirStat {
  return { length: node.type === TYPE_FILE ? node.length : 0, space: spaceOf(node), inodes: 1 }
}

async function judgeNodes(check: TreeCheck, table: IdTable, suspects: Problem[]): Promise<void> {
  const held = await heldNodes(check)
  for (let slot = 0; slot < table.size; slot++) {
    const ino = table.id(slot)
    const [type, nlink, links] = [table.get(slot, TYPE), table.get(slot, NLINK), table.get(slot, LINKS)]
    const rooted = ino === ROOT_INO || ino === TRASH_INO
    if (links === 0 && !rooted && !held.has(ino)) {
      suspects.push({ kind: 'orphan', ino, type, length: table.get(slot, LENGTH) })
      continue
    }
    const real = type === TYPE_DIRECTORY ? (isTrash(ino) ? 2 : 2 + table.get(slot, SUBDIRS)) : links
    if (nlink !== real && !(held.has(ino) && links === 0))
      suspects.push({ kind: 'nlink', ino, stored: nlink, real })
  }
  if (check.dirStats) await judgeDirStats(check, table, suspects)
}

async function judgeDirStats(check: TreeCheck, table: IdTable, suspects: Problem[]): Promise<void> {
  let batch: number[] = []
  const settle = async () => {
    const stats = await check.engine.read(
      batch.map((slot) => ({ kind: 'dirStat', ino: table.id(slot) }) as const),
    )
    for (const [k, slot] of batch.entries()) {
      const stored = stats[k]!
      const real = {
        length: table.get(slot, SUM_LENGTH),
        space: table.get(slot, SUM_SPACE),
        inodes: table.get(slot, SUM_INODES),
      }
      if (differs(check, stored, real)) suspects.push({ kind: 'dirStat', ino: table.id(slot), stored, real })
    }
    batch = []
    check.signal?.throwIfAborted()
  }
  for (let slot = 0; slot < table.size; slot++) {
    // The trash root has no statistics, and those of the root come with the first change (§15).
    if (table.get(slot, TYPE) !== TYPE_DIRECTORY || table.id(slot) === TRASH_INO) continue
    batch.push(slot)
    if (batch.length >= BATCH) await settle()
  }
  if (batch.length > 0) await settle()
}

function differs({ compareDirStats }: TreeCheck, stored: DirStat | null, real: DirStat): boolean {
  if (stored === null) return real.inodes > 0
  if (!compareDirStats) return false
  return stored.length !== real.length || stored.space !== real.space || stored.inodes !== real.inodes
}

/** Nodes that have no entry and need none: open elsewhere, or the top of a copy under way. */
async function heldNodes({ engine, signal }: TreeCheck): Promise<ReadonlySet<Ino>> {
  const held = new Set<Ino>()
  for await (const { sid } of pages(engine, { kind: 'sessions' }, signal)) {
    for await (const ino of pages(engine, { kind: 'sustained', sid }, signal)) held.add(ino)
  }
  for await (const { ino } of pages(engine, { kind: 'detached' }, signal)) held.add(ino)
  return held
}

/** The suspects that are still wrong after others had time to finish. */
async function lookAgain(check: TreeCheck, suspects: readonly Problem[]): Promise<readonly Problem[]> {
  if (suspects.length === 0) return []
  await check.clock.sleep(SETTLE_MS, check.signal)
  const held = await heldNodes(check)
  const problems: Problem[] = []
  const orphans = new Map<Ino, Problem>()
  for (const suspect of suspects) {
    check.signal?.throwIfAborted()
    if (suspect.kind === 'orphan') {
      if (!held.has(suspect.ino)) orphans.set(suspect.ino, suspect)
    } else {
      const problem = await againAlone(check, suspect)
      if (problem !== undefined) problems.push(problem)
    }
  }
  if (orphans.size > 0) await keepOrphans(check, orphans)
  return [...problems, ...orphans.values()]
}

async function againAlone(
  check: TreeCheck,
  suspect: Exclude<Problem, { kind: 'orphan' }>,
): Promise<Problem | undefined> {
  switch (suspect.kind) {
    case 'dangling': {
      const [entry] = await check.engine.read([{ kind: 'entry', parent: suspect.parent, name: suspect.name }])
      return entry !== null && entry.node === null ? suspect : undefined
    }
    case 'nlink': {
      const [node] = await check.engine.read([{ kind: 'node', ino: suspect.ino }])
      if (node === null || node.nlink === suspect.real) return undefined
      if (node.type !== TYPE_DIRECTORY) return node.nlink === suspect.stored ? suspect : undefined
      return (await checkDirectory(check, suspect.ino)).find((problem) => problem.kind === 'nlink')
    }
    case 'dirStat':
      return (await checkDirectory(check, suspect.ino)).find((problem) => problem.kind === 'dirStat')
    case 'counter':
      return suspect
    default:
      return suspect satisfies never
  }
}

/** Take away what has an entry now, or is gone. */
async function keepOrphans({ engine, signal }: TreeCheck, orphans: Map<Ino, Problem>): Promise<void> {
  for await (const { ino } of pages(engine, { kind: 'allEdges' }, signal)) orphans.delete(ino)
  for (const ino of [...orphans.keys()]) {
    const [node] = await engine.read([{ kind: 'node', ino }])
    if (node === null) orphans.delete(ino)
  }
}

/** One directory by itself: its link count and statistics, and entries without a node. */
export async function checkDirectory(check: TreeCheck, ino: Ino): Promise<readonly Problem[]> {
  const { engine, signal } = check
  const [node, stored] = await engine.read([
    { kind: 'node', ino },
    { kind: 'dirStat', ino },
  ])
  const problems: Problem[] = []
  const real = { length: 0, space: 0, inodes: 0 }
  let subdirs = 0
  for await (const entry of pages(engine, { kind: 'entries', parent: ino }, signal)) {
    if (entry.node === null) {
      problems.push({
        kind: 'dangling',
        parent: ino,
        name: entry.name,
        ino: entry.ino,
        directory: entry.type === TYPE_DIRECTORY,
      })
      continue
    }
    const stat = childStat(entry.node)
    real.length += stat.length
    real.space += stat.space
    real.inodes++
    if (entry.node.type === TYPE_DIRECTORY) subdirs++
  }
  if (node === null) return problems
  const nlink = isTrash(ino) ? 2 : 2 + subdirs
  if (node.nlink !== nlink) problems.push({ kind: 'nlink', ino, stored: node.nlink, real: nlink })
  if (check.dirStats && ino !== TRASH_INO && differs(check, stored, real))
    problems.push({ kind: 'dirStat', ino, stored, real })
  return problems
}

interface Counters {
  readonly usedSpace: number
  readonly totalInodes: number
}

async function readCounters(engine: MetaEngine): Promise<Counters> {
  const [usedSpace, totalInodes] = await engine.read([
    { kind: 'counter', name: 'usedSpace' },
    { kind: 'counter', name: 'totalInodes' },
  ])
  return { usedSpace: usedSpace ?? 0, totalInodes: totalInodes ?? 0 }
}

/** A counter that moved while we counted says nothing. */
function checkCounters(before: Counters, after: Counters, sum: Sum): readonly Problem[] {
  const real: Counters = { usedSpace: sum.space, totalInodes: sum.inodes }
  return (['usedSpace', 'totalInodes'] as const)
    .filter((name) => before[name] === after[name] && after[name] !== real[name])
    .map((name) => ({ kind: 'counter', name, stored: after[name], real: real[name] }))
}

/** For people. */
export function describeProblem(problem: Problem): string {
  switch (problem.kind) {
    case 'nlink':
      return `inode ${inoText(problem.ino)}: link count ${problem.stored}, should be ${problem.real}`
    case 'dangling':
      return `entry ${JSON.stringify(nameToText(problem.name))} in inode ${inoText(problem.parent)}: its inode ${inoText(problem.ino)} does not exist`
    case 'orphan':
      return `inode ${inoText(problem.ino)}: no directory names it (${problem.type === TYPE_DIRECTORY ? 'a directory' : `${problem.length} bytes`})`
    case 'dirStat':
      return `inode ${inoText(problem.ino)}: directory statistics ${statText(problem.stored)}, should be ${statText(problem.real)}`
    case 'counter':
      return `counter ${problem.name}: ${problem.stored}, should be ${problem.real}`
    default:
      return problem satisfies never
  }
}

function statText(stat: DirStat | null): string {
  return stat === null ? 'missing' : `${stat.inodes} entries, ${stat.length} bytes, ${stat.space} in use`
}
