/**
 * What became of a commit whose answer was lost with its connection. It is never blindly repeated: a slice appended
 * twice, a counter added to twice or a link made twice would be damage.
 *
 * By the time this runs nothing of the old connection can be executed any more (`settle`). Then:
 *
 * 1. Most commits exclude themselves: applying one makes at least one of its own guards fail (the name it creates must
 *    be absent, the node it rewrites must be as read). These guards are its *witnesses*; a node of a new number that no
 *    guard speaks of is given one, "is absent". Guards are evaluated in one step, without changing anything.
 *    All witnesses hold: it was not applied, nothing of it is there. It is sent again, with its witnesses, so that even
 *    an execution that came late after all would be refused; what that says is the commit's answer.
 * 2. A witness fails: it was applied, or another client changed that record. Applied, it has left *signs* that nobody
 *    else could have: an inode or slice number that only this client was given, a lock of this session, a change time
 *    of ours to the nanosecond. A commit is all or nothing, so one sign proves all of it.
 *    Of a commit that only removes, it is sign enough that what it removes is gone: numbers are not given out again, so
 *    it is gone for good, as the caller wanted, whoever was faster.
 *    The same goes for a rename, when the node has the new name and not the old.
 * 3. No sign: others changed the records since, or before. Where it does no harm to have been done twice, at two moments
 *    that the caller cannot tell apart, the commit counts as refused, and the operation decides anew: when only
 *    attributes or values are set, and when a new node is not there at all. Else whether it was applied cannot be
 *    told, and saying either would be a guess: the caller gets `unavailable` (EIO).
 *
 * A commit without witnesses is repeated if doing so changes nothing (it only puts or removes), else it is case 3.
 * Of an applied commit the replies are not known. They are made up so that nothing is lost: a slice has a user left (what
 * has none is found by the hourly sweep), a directory's statistics want to be counted again.
 */
import { BackendError } from '#core/base/errno.ts'
import type { Change, CommitResult, FailedGuard, Guard, RecordKey, RecordValues } from '#core/meta/engine.ts'
import { LostAnswer } from './errors.ts'
import { signsOf } from './signs.ts'
import { absentBefore, excludes } from './witnesses.ts'

/** Connections that may break while one commit is resolved. */
const MAX_LOSSES = 10

/** The engine's own ways, without the resolving. `commit` rejects LostAnswer. */
export interface Resolver {
  readonly address: string
  settle(): Promise<void>
  commit(op: string, guards: readonly Guard[], changes: readonly Change[]): Promise<CommitResult>
  read<const Keys extends readonly RecordKey[]>(keys: Keys): Promise<RecordValues<Keys>>
}

/** The result of a commit whose answer was lost. Rejects `unavailable` when it cannot be told. */
export async function resolveCommit(
  by: Resolver,
  op: string,
  guards: readonly Guard[],
  changes: readonly Change[],
): Promise<CommitResult> {
  const added = absentBefore(guards, changes)
  const all = [...guards, ...added]
  const witnesses = new Set([...all.keys()].filter((at) => excludes(all[at]!, changes)))
  if (witnesses.size === 0 && !isRepeatable(changes)) throw unclear(by, op)
  for (let losses = 0; losses < MAX_LOSSES; losses++) {
    await by.settle()
    try {
      if (witnesses.size > 0) {
        const now = await by.commit(op, all, [])
        const failed = now.ok ? [] : now.failed
        if (failed.some(({ guard }) => witnesses.has(guard))) {
          if (await hasLeftSigns(by, all, changes)) return { ok: true, replies: changes.map(safeReply) }
          if (mayRunAgain(all, changes, failed)) return refused(failed, guards)
          throw unclear(by, op)
        }
      }
      const again = await by.commit(op, all, changes)
      return again.ok ? again : refused(again.failed, guards)
    } catch (error) {
      if (!(error instanceof LostAnswer)) throw error
    }
  }
  throw new BackendError('unavailable', `${by.address}: connections kept breaking while ${op} was under way`)
}

/** The operation decides again on what is there. */
function refused(failed: readonly FailedGuard[], guards: readonly Guard[]): CommitResult {
  return { ok: false, failed: failed.filter(({ guard }) => guard < guards.length) }
}

function unclear(by: Resolver, op: string): BackendError {
  return new BackendError(
    'unavailable',
    `${by.address}: the connection was lost during ${op}, and whether it was done cannot be told, as others have changed the same records; look before trying again`,
  )
}

async function hasLeftSigns(
  by: Resolver,
  guards: readonly Guard[],
  changes: readonly Change[],
): Promise<boolean> {
  const signs = signsOf(guards, changes)
  const values = await by.read(signs.flatMap(({ keys }) => keys))
  let at = 0
  return signs.some(({ keys, shows }) => {
    at += keys.length
    return shows(values[at - keys.length]!, keys.length > 1 ? values[at - 1]! : undefined)
  })
}

/**
 * Whether the operation may decide anew though the commit may have been applied: nothing of it is there (its new node is
 * not), or it sets only what it would set again.
 */
function mayRunAgain(
  guards: readonly Guard[],
  changes: readonly Change[],
  failed: readonly FailedGuard[],
): boolean {
  const fresh = changes.find((change) => change.kind === 'putNode' && change.fresh === true)
  if (fresh?.kind === 'putNode') {
    const at = guards.findIndex((guard) => guard.kind === 'nodeIs' && guard.ino === fresh.ino)
    return !failed.some(({ guard }) => guard === at)
  }
  return changes.every((change) => {
    if (change.kind !== 'putNode') return /^(putXattr|delXattr|addQuotaUsage)$/.test(change.kind)
    const before = guards.find((guard) => guard.kind === 'nodeIs' && guard.ino === change.ino)
    if (before?.kind !== 'nodeIs' || before.is === null) return false
    return before.is.nlink === change.node.nlink && before.is.length === change.node.length
  })
}

/** Doing it twice is doing it once. */
function isRepeatable(changes: readonly Change[]): boolean {
  return changes.every(({ kind }) => /^(put|del)/.test(kind))
}

function safeReply(change: Change): number {
  return change.kind === 'addSliceRef' ? 1 : 0
}
