/** atime after reading, in the background and never a reason to fail. Source: fs-semantics.md §3. */
import type { Time } from '#core/base/clock.ts'
import type { Ino } from '#core/base/ino.ts'
import type { NodeRecord } from '../records.ts'
import type { MetaOptions, MetaState } from '../state.ts'
import { run } from '../tx.ts'

const DAY_SEC = 86_400
/** Updates under way of one client; further ones are left out. */
const MAX_PENDING = 256

const pending = new WeakMap<MetaState, Set<Ino>>()

/** Start an update of atime if the atime mode asks for one, `node` being the attributes known here. */
export function touchAtime(state: MetaState, ino: Ino, node: NodeRecord): void {
  const mode = state.options.atimeMode
  if (state.options.readOnly || !needsTouch(mode, node, state.clock.now())) return
  let running = pending.get(state)
  if (running === undefined) pending.set(state, (running = new Set()))
  if (running.has(ino) || running.size >= MAX_PENDING) return
  running.add(ino)
  state.tasks.start('atime', () => update(state, ino, node).finally(() => running.delete(ino)))
}

function update(state: MetaState, ino: Ino, seen: NodeRecord): Promise<void> {
  let guess: NodeRecord | undefined = seen
  return run(state, 'atime', async (tx) => {
    const [node] = guess === undefined ? await tx.read([{ kind: 'node', ino }]) : [guess]
    guess = undefined
    const now = state.clock.now()
    if (node === null || !needsTouch(state.options.atimeMode, node, now)) return
    tx.nodeIs(ino, node)
    tx.change({ kind: 'putNode', ino, node: { ...node, atime: now.sec, atimeNsec: now.nsec } })
  })
}

export function needsTouch(mode: MetaOptions['atimeMode'], node: NodeRecord, now: Time): boolean {
  if (mode === 'noatime') return false
  const { atime, atimeNsec } = node
  if (isLater(node.mtime, node.mtimeNsec, atime, atimeNsec)) return true
  if (isLater(node.ctime, node.ctimeNsec, atime, atimeNsec)) return true
  const least = mode === 'strictatime' ? 1 : DAY_SEC
  return !isLater(atime + least, atimeNsec, now.sec, now.nsec)
}

function isLater(sec: number, nsec: number, thanSec: number, thanNsec: number): boolean {
  return sec > thanSec || (sec === thanSec && nsec > thanNsec)
}
