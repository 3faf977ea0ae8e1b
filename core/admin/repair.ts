/** Putting right what a check found. Source: shared/spec/admin-tools.md §7.1. */
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import { nameOrphan } from '#core/meta/ops/name-orphan.ts'
import { type NodeRecord, TYPE_DIRECTORY } from '#core/meta/records.ts'
import type { MetaState } from '#core/meta/state.ts'
import { checkDirectory, type Problem, type TreeCheck } from './check-tree.ts'

/** `young`: it may belong to an operation under way; left alone. */
export type RepairOutcome = 'repaired' | 'vanished' | 'young' | 'cannot'

export interface RepairOptions {
  /** Permission bits of a directory whose record is made again. */
  readonly dirMode: number
  readonly uid: number
  readonly gid: number
}

/** `cannot`: a file without its record; nothing can be made up for that. A node without a name goes to the trash. */
export async function repairProblem(
  check: TreeCheck & { readonly state: MetaState },
  problem: Problem,
  options: RepairOptions,
): Promise<RepairOutcome> {
  switch (problem.kind) {
    case 'nlink':
      return repairLinks(check, problem)
    case 'dangling':
      return problem.directory ? remakeDirectory(check, problem, options) : 'cannot'
    case 'dirStat':
      return repairStatistics(check, problem)
    case 'counter': {
      const name = problem.name
      const { ok } = await check.engine.commit(
        'fsck',
        [{ kind: 'recordIs', key: { kind: 'counter', name }, is: problem.stored }],
        [{ kind: 'putCounter', name, value: problem.real }],
      )
      return ok ? 'repaired' : 'vanished'
    }
    case 'orphan': {
      const outcome = await nameOrphan(check.state, problem.ino)
      return outcome === 'named' ? 'repaired' : outcome
    }
    default:
      return problem satisfies never
  }
}

async function repairStatistics(
  { engine }: TreeCheck,
  { ino, real }: Extract<Problem, { kind: 'dirStat' }>,
): Promise<RepairOutcome> {
  await engine.commit('fsck', [], [{ kind: 'putDirStat', ino, stat: real }])
  return 'repaired'
}

async function repairLinks(
  check: TreeCheck,
  { ino, real }: Extract<Problem, { kind: 'nlink' }>,
): Promise<RepairOutcome> {
  const [node] = await check.engine.read([{ kind: 'node', ino }])
  if (node === null) return 'vanished'
  return put(check, ino, node, { ...node, nlink: real })
}

async function put(
  check: TreeCheck,
  ino: Ino,
  before: NodeRecord | null,
  node: NodeRecord,
): Promise<RepairOutcome> {
  const { ok } = await check.engine.commit(
    'fsck',
    [{ kind: 'nodeIs', ino, is: before }],
    [{ kind: 'putNode', ino, node }],
  )
  return ok ? 'repaired' : 'vanished'
}

/** A directory whose entry is there and whose record is not: made again, with the links that its entries say. */
async function remakeDirectory(
  check: TreeCheck,
  { ino, parent }: Extract<Problem, { kind: 'dangling' }>,
  { dirMode, uid, gid }: RepairOptions,
): Promise<RepairOutcome> {
  const { sec, nsec } = check.clock.now()
  const node: NodeRecord = {
    flags: 0,
    type: TYPE_DIRECTORY,
    mode: dirMode,
    uid,
    gid,
    atime: sec,
    atimeNsec: nsec,
    mtime: sec,
    mtimeNsec: nsec,
    ctime: sec,
    ctimeNsec: nsec,
    nlink: 2,
    length: 4096,
    rdev: 0,
    parent: parent || ROOT_INO,
    accessAcl: 0,
    defaultAcl: 0,
    tier: 0,
  }
  const outcome = await put(check, ino, null, node)
  if (outcome !== 'repaired') return outcome
  for (const problem of await checkDirectory(check, ino)) {
    if (problem.kind === 'nlink') await repairLinks(check, problem)
    if (problem.kind === 'dirStat') await repairStatistics(check, problem)
  }
  return 'repaired'
}
