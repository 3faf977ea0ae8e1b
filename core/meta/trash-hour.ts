/**
 * Where removed entries go: `.trash/YYYY-MM-DD-HH/<parent>-<ino>-<name>`, hours in UTC.
 * Source: shared/spec/fs-semantics.md §6, meta-records.md §16.
 */
import { type Ino, inoText, isTrash, ROOT_INO, TRASH_INO } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import { makeNode } from './node.ts'
import { MAX_NAME, type NodeRecord, TYPE_DIRECTORY } from './records.ts'
import type { MetaState } from './state.ts'
import { Tally } from './tally.ts'
import { run } from './tx.ts'

const HOUR_SEC = 3600

/** What leaves `parent` goes to the trash. */
export function keepsTrash(state: MetaState, parent: Ino): boolean {
  return state.setting.TrashDays > 0 && !isTrash(parent)
}

/** The name of a removed entry in the trash, cut to 255 bytes. */
export function trashName(parent: Ino, ino: Ino, name: Name): Name {
  return `${inoText(parent)}-${inoText(ino)}-${name}`.slice(0, MAX_NAME)
}

/** The trash directory of the current hour, made if there is none. From memory but for its first use. */
export async function hourDirectory(state: MetaState): Promise<Ino> {
  const hour = Math.floor(state.clock.nowSec() / HOUR_SEC)
  const known = state.remembered.trashHour
  if (known?.hour === hour) return known.ino
  const ino = await makeHour(state, hourName(hour))
  state.remembered.trashHour = { hour, ino }
  return ino
}

/** `YYYY-MM-DD-HH` of an hour counted from 1970. */
export function hourName(hour: number): Name {
  return new Date(hour * HOUR_SEC * 1000).toISOString().slice(0, 13).replace('T', '-')
}

/** Unix seconds at which the hour of that name begins; undefined when it is not such a name. */
export function hourStart(name: Name): number | undefined {
  if (!/^\d{4}-\d\d-\d\d-\d\d$/.test(name)) return undefined
  const ms = Date.parse(`${name.slice(0, 10)}T${name.slice(11)}:00:00Z`)
  return Number.isNaN(ms) ? undefined : ms / 1000
}

function makeHour(state: MetaState, name: Name): Promise<Ino> {
  let number = 0
  return run(state, 'mkdir', async (tx) => {
    const [trash, edge] = await tx.read([
      { kind: 'node', ino: TRASH_INO },
      { kind: 'edge', parent: TRASH_INO, name },
    ])
    if (edge !== null) return edge.ino
    number ||= await state.engine.allocate('nextTrash', 1)
    const ino = TRASH_INO + number
    const node = makeNode({ type: TYPE_DIRECTORY, mode: 0o555, parent: TRASH_INO }, state.clock.now())
    tx.nodeLike(TRASH_INO, trash ?? (await trashRoot(state)))
    tx.edgeIs(TRASH_INO, name, null)
    tx.change(
      { kind: 'putNode', ino, node },
      { kind: 'putEdge', parent: TRASH_INO, name, edge: { ino, type: TYPE_DIRECTORY } },
      { kind: 'putDirStat', ino, stat: { length: 0, space: 0, inodes: 0 } },
    )
    const tally = new Tally()
    tally.node(node, 1)
    await tally.apply(state, tx)
    return ino
  })
}

/** The trash root, made when a volume that has trash lacks it. Returns its record. */
async function trashRoot(state: MetaState): Promise<NodeRecord> {
  return run(state, 'mkdir', async (tx) => {
    const [node] = await tx.read([{ kind: 'node', ino: TRASH_INO }])
    if (node !== null) return node
    const made = makeNode({ type: TYPE_DIRECTORY, mode: 0o555, parent: ROOT_INO }, state.clock.now())
    tx.nodeIs(TRASH_INO, null)
    tx.change({ kind: 'putNode', ino: TRASH_INO, node: made })
    return made
  })
}
