/** Putting right what a check found. Source: shared/spec/admin-tools.md §7.1. */
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import type { NodeRecord } from '#core/meta/records.ts'
import { TYPE_DIRECTORY } from '#core/meta/records.ts'
import { checkDirectory, type Problem, type TreeCheck } from './check-tree.ts'

export type RepairOutcome = 'repaired' | 'vanished' | 'cannot'

export interface RepairOptions {
  /** Permission bits of a directory whose record is made again. */
  readonly dirMode: number
  readonly uid: number
  readonly gid: number
}

/** `cannot`: a file without its record, a node without a name; nothing can be made up for those. */
export async function repairProblem(
  check: TreeCheck,
  problem: Problem,
  options: RepairOptions,
): Promise<RepairOutcome> {
  switch (problem.kind) {
    case 'nlink':
      return repairLinks(check, problem)
    case 'dangling':
      return problem.directory ? remakeDirectory(check, problem, options) : 'cannot'
    case 'dirStat':
      await check.engine.commit('fsck', [], [{ kind: 'putDirStat', ino: problem.ino, stat: problem.real }])
      return 'repaired'
    case 'counter': {
      const name = problem.name
      const { ok } = await check.engine.commit(
        'fsck',
        [{ kind: 'recordIs', key: { kind: 'counter', name }, is: problem.stored }],
        [{ kind: 'putCounter', name, value: problem.real }],
      )
      return ok ? 'repaired' : 'vanished'
    }
    case 'orphan':
      return 'cannot'
    default:
      return problem satisfies never
  }
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
    if (problem.kind === 'nlink' || problem.kind === 'dirStat') {
      await repairProblem(check, problem, { dirMode, uid, gid })
    }
  }
  return 'repaired'
}
