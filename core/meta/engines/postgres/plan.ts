/**
 * How a commit is carried out: what is locked and compared, in which order, and what is changed then.
 *
 * READ COMMITTED shows each statement what is committed when it starts, so a comparison counts only once the row is
 * locked. The locks, and what they keep out (sources: shared/spec/meta-sql-and-tkv.md §A6; explicit locking in the
 * PostgreSQL documentation):
 *
 * - `nodeIs`, `emptyDir` and lists of locks take the node's row FOR UPDATE. `nodeLike` takes it FOR KEY SHARE, which
 *   neighbours' touches of times and links pass and FOR UPDATE does not: nobody removes, moves or chmods a directory
 *   that an entry is being added to, and two crossing renames of directories, each guarding the other's way up, meet.
 *   A create commits with its directory touched, so what was compared before is still so then.
 * - an absent name or record that the commit makes needs no lock: its unique index lets one in. One that the commit
 *   does not make is protected by its node's row.
 * - edges come before nodes, as in the reference's rename. Its unlink and link do it the other way round, so no order
 *   suits all: only the first lock of a commit waits, and whoever finds a later one taken lets go and tries again.
 * - rows that neighbours share come last, in ascending order: touched nodes, then directory statistics. Waiting for
 *   those is safe, as whoever holds one needs nothing but later ones of them.
 */
import type { Ino } from '#core/base/ino.ts'
import { nameToBytes } from '#core/base/name.ts'
import type { Change, Guard, RecordKey } from '#core/meta/engine.ts'
import { type FlockRecord, type NodeRecord, type PlockRecord, TYPE_DIRECTORY } from '#core/meta/records.ts'
import { encodePlocks } from '#core/meta/records-codec.ts'
import { keyText } from '#core/meta/tx.ts'
import { type Step, stepsOf } from '../sql/changes.ts'
import type { SqlValue } from '../sql/dialect.ts'
import { keyQuery } from '../sql/read.ts'
import { inoToSql, nodeToSql, ownerToSql } from '../sql/rows.ts'
import { NODE_COLUMNS, type SqlLayout } from '../sql/statements.ts'
import { isUsage, type UsageChange } from '../usage-sums.ts'

type Strength = 'UPDATE' | 'KEY SHARE'

/** A row to be locked. */
export interface Lock {
  /** Without its last words; see `lockText`. */
  readonly template: string
  readonly params: readonly SqlValue[]
  readonly strength: Strength
}

/** A comparison in SQL, which locks what it compares. */
export interface Check {
  readonly template: string
  readonly params: readonly SqlValue[]
  readonly lock?: Strength
  /** A row means that the guard does not hold; else no row does. */
  readonly absent?: boolean
  /** It changes what it has compared. */
  readonly writes?: boolean
}

/** One statement of the changes. */
export interface PlannedStep extends Step {
  /** Of the change among the commit's. */
  readonly change: number
  /** Its row must not be there yet: an insert that replaces nothing. */
  readonly fresh: boolean
  /** More conditions for its row, on top of the statement's; a guard does not hold without one. */
  readonly where?: string
}

export interface Plan {
  readonly locks: readonly Lock[]
  readonly steps: readonly PlannedStep[]
  /** As one call; undefined when some guard is compared only by reading what is there. */
  readonly call: CallPlan | undefined
}

/** Comparisons, then what is left to be changed. */
export interface CallPlan {
  readonly checks: readonly Check[]
  readonly steps: readonly PlannedStep[]
}

/** A node's row, to be locked. */
export const NODE_LOCK = 'SELECT 1 FROM {node} WHERE inode = $i64'

/** Full lock clause. Only the first lock of a commit waits: later ones are refused, or skipped as if gone. */
export function lockClause(strength: Strength, first: boolean, otherwise: 'NOWAIT' | 'SKIP LOCKED'): string {
  return first ? ` FOR ${strength}` : ` FOR ${strength} ${otherwise}`
}

/** Changes that are applied as steps: usage goes its own way (usage.ts). */
type StepChange = Exclude<Change, UsageChange>

export function planCommit(
  layout: SqlLayout,
  guards: readonly Guard[],
  changes: readonly Change[],
  legacySessions: boolean,
): Plan {
  const planner = new Planner(layout, guards, changes, legacySessions)
  return planner.plan()
}

class Planner {
  readonly #layout: SqlLayout
  readonly #guards: readonly Guard[]
  readonly #changes: readonly Change[]
  readonly #legacySessions: boolean
  readonly #locks: Lock[][] = [[], [], [], []]
  readonly #checks: Check[][] = [[], [], [], [], []]
  #typed = true
  /** Nodes locked already, and how. */
  readonly #nodes = new Map<Ino, Strength>()
  /** Records that changes of this commit make: `keyText`. */
  readonly #made = new Set<string>()
  /** Records whose guard says they are absent. */
  readonly #absent = new Set<string>()

  constructor(
    layout: SqlLayout,
    guards: readonly Guard[],
    changes: readonly Change[],
    legacySessions: boolean,
  ) {
    this.#layout = layout
    this.#guards = guards
    this.#changes = changes
    this.#legacySessions = legacySessions
  }

  plan(): Plan {
    for (const change of this.#changes) {
      const key = madeBy(change)
      if (key !== undefined) this.#made.add(keyText(key))
    }
    // Whole nodes first: the stronger lock serves the other guards of that node.
    for (const guard of this.#guards) if (guard.kind === 'nodeIs') this.#nodeIs(guard)
    for (const guard of this.#guards) if (guard.kind === 'nodeLike') this.#nodeLike(guard)
    for (const guard of this.#guards) this.#other(guard)
    const steps = this.#steps()
    return {
      locks: this.#locks.flat(),
      steps,
      call: this.#typed ? this.#merged(this.#checks.flat(), steps) : undefined,
    }
  }

  /**
   * The first comparison, the one that may wait, changes its row at once where the commit changes it anyway. Not for
   * directories on the move: they need the stronger lock of the comparison alone.
   */
  #merged(checks: readonly Check[], steps: readonly PlannedStep[]): CallPlan {
    const [first, ...others] = checks
    if (first?.template === LIKE_NODE && others.length === 0) return this.#comparedLast(first, steps)
    if (first?.template === WHOLE_EDGE) {
      const at = steps.findIndex(
        ({ statement, params }) => statement === 'delEdge' && sameKey(params, first.params),
      )
      const again = steps.some(
        ({ statement, params }) => statement === 'putEdge' && sameKey(params, first.params),
      )
      if (at < 0 || again) return { checks, steps }
      const merged = { template: DELETE_WHOLE_EDGE, params: first.params, writes: true }
      return { checks: [merged, ...others], steps: steps.filter((_, k) => k !== at) }
    }
    if (first?.template !== WHOLE_NODE) return { checks, steps }
    const [ino] = first.params
    const writing = steps.filter(({ statement, params }) => /Node/.test(statement) && params.includes(ino!))
    const put = writing[0]
    if (writing.length !== 1 || put?.statement !== 'updateNode' || this.#moves(put.change))
      return { checks, steps }
    const merged = {
      template: UPDATE_WHOLE_NODE,
      params: [...put.params, ...first.params.slice(1)],
      writes: true,
    }
    return { checks: [merged, ...others], steps: steps.filter((step) => step !== put) }
  }

  /**
   * Nothing is locked but a directory that is touched in the end: it is compared there. Whoever removes it meanwhile
   * is found out, as no row is left to touch; and we hold nothing that a holder of the directory could want.
   */
  #comparedLast(first: Check, steps: readonly PlannedStep[]): CallPlan {
    const [ino, ...like] = first.params
    const at = steps.findIndex(({ statement, params }) => /^touch/.test(statement) && params.at(-1) === ino)
    const again = steps.some(
      ({ statement, params }, k) => k !== at && /Node/.test(statement) && params.includes(ino!),
    )
    if (at < 0 || again) return { checks: [first], steps }
    const touch = { ...steps[at]!, params: [...steps[at]!.params, ...like], where: LIKE_COLUMNS_EQUAL }
    return { checks: [], steps: steps.with(at, touch) }
  }

  #moves(change: number): boolean {
    const { ino, node } = this.#changes[change] as Extract<Change, { kind: 'putNode' }>
    const guard = this.#guards.find((guard) => guard.kind === 'nodeIs' && guard.ino === ino)
    const before = guard?.kind === 'nodeIs' ? guard.is : null
    return node.type === TYPE_DIRECTORY && before?.parent !== node.parent
  }

  #nodeIs({ ino, is }: Extract<Guard, { kind: 'nodeIs' }>): void {
    const params = [inoToSql(ino)]
    if (is === null) {
      this.#expectAbsent({ kind: 'node', ino }, 4, NODE_LOCK, params)
      return
    }
    this.#nodes.set(ino, 'UPDATE')
    this.#locks[1]!.push({ template: NODE_LOCK, params, strength: 'UPDATE' })
    this.#checks[1]!.push({
      template: WHOLE_NODE,
      params: [...params, ...nodeToSql(is)],
      lock: 'UPDATE',
    })
  }

  #nodeLike({ ino, like }: Extract<Guard, { kind: 'nodeLike' }>): void {
    const lock = this.#nodes.has(ino) ? undefined : 'KEY SHARE'
    if (lock !== undefined) this.#lockNode(ino, lock)
    this.#checks[2]!.push({
      template: LIKE_NODE,
      params: [inoToSql(ino), ...likeToSql(like)],
      ...(lock === undefined ? {} : { lock }),
    })
  }

  #other(guard: Guard): void {
    switch (guard.kind) {
      case 'nodeIs':
      case 'nodeLike':
        return
      case 'edgeIs': {
        const { parent, name, is } = guard
        const params = [inoToSql(parent), nameToBytes(name)]
        if (is === null) {
          if (!this.#expectAbsent({ kind: 'edge', parent, name }, 4, EDGE_LOCK, params))
            this.#needNode(parent, 'UPDATE')
          return
        }
        this.#locks[0]!.push({ template: EDGE_LOCK, params, strength: 'UPDATE' })
        const whole = [...params, inoToSql(is.ino), is.type]
        this.#checks[0]!.push({ template: WHOLE_EDGE, params: whole, lock: 'UPDATE' })
        return
      }
      case 'emptyDir':
        this.#needNode(guard.ino, 'UPDATE')
        this.#checks[4]!.push({
          template: this.#layout.template('anyEdge'),
          params: [inoToSql(guard.ino)],
          absent: true,
        })
        return
      case 'chunkIs':
      case 'chunkStartsWith':
        this.#chunk(guard)
        return
      case 'recordIs':
        this.#record(guard)
        return
      default:
        guard satisfies never
    }
  }

  #chunk(guard: Extract<Guard, { kind: 'chunkIs' | 'chunkStartsWith' }>): void {
    const { ino, index } = guard
    const params = [inoToSql(ino), index]
    const wanted = guard.kind === 'chunkIs' ? guard.is : guard.prefix
    if (wanted === null) {
      if (!this.#expectAbsent({ kind: 'chunk', ino, index }, 4, CHUNK_LOCK, params))
        this.#needNode(ino, 'KEY SHARE')
      return
    }
    this.#locks[3]!.push({ template: CHUNK_LOCK, params, strength: 'UPDATE' })
    this.#checks[3]!.push(
      guard.kind === 'chunkIs'
        ? { template: WHOLE_CHUNK, params: [...params, wanted], lock: 'UPDATE' }
        : {
            template: CHUNK_START,
            params: [...params, wanted.length, wanted],
            lock: 'UPDATE',
          },
    )
  }

  #record({ key, is }: Extract<Guard, { kind: 'recordIs' }>): void {
    switch (key.kind) {
      case 'xattr': {
        const params = [inoToSql(key.ino), nameToBytes(key.name)]
        if (is === null) {
          if (!this.#expectAbsent(key, 4, XATTR_LOCK, params)) this.#needNode(key.ino, 'KEY SHARE')
          return
        }
        this.#locks[3]!.push({ template: XATTR_LOCK, params, strength: 'UPDATE' })
        const whole = [...params, is as Uint8Array]
        this.#checks[3]!.push({ template: WHOLE_XATTR, params: whole, lock: 'UPDATE' })
        return
      }
      case 'flocks':
      case 'plocks': {
        this.#needNode(key.ino, 'UPDATE')
        const template = key.kind === 'flocks' ? ALL_FLOCKS : ALL_PLOCKS
        const text = key.kind === 'flocks' ? flocksText(is as readonly FlockRecord[]) : plocksText(is)
        this.#checks[4]!.push({ template, params: [inoToSql(key.ino), text] })
        return
      }
      case 'parents':
      case 'entry':
      case 'acl':
        this.#typed = false
        if (key.kind === 'parents') this.#needNode(key.ino, 'UPDATE')
        return
      default: {
        this.#typed = false
        if (is === null) {
          this.#absent.add(keyText(key))
          return
        }
        const { statement, params } = keyQuery(key, false)
        this.#locks[3]!.push({ template: this.#layout.template(statement), params, strength: 'UPDATE' })
      }
    }
  }

  /** Returns whether the commit makes the record, so that its unique index keeps others out. */
  #expectAbsent(key: RecordKey, rank: number, template: string, params: readonly SqlValue[]): boolean {
    const text = keyText(key)
    this.#absent.add(text)
    const makes = this.#made.has(text)
    // An insert says itself whether the name was free.
    if (!(makes && key.kind === 'edge')) this.#checks[rank]!.push({ template, params, absent: true })
    return makes
  }

  #needNode(ino: Ino, strength: Strength): void {
    const held = this.#nodes.get(ino)
    if (held === 'UPDATE' || held === strength) return
    this.#lockNode(ino, strength)
    this.#checks[2]!.push({ template: NODE_LOCK, params: [inoToSql(ino)], lock: strength })
  }

  #lockNode(ino: Ino, strength: Strength): void {
    this.#nodes.set(ino, strength)
    this.#locks[strength === 'UPDATE' ? 1 : 2]!.push({
      template: NODE_LOCK,
      params: [inoToSql(ino)],
      strength,
    })
  }

  #steps(): readonly PlannedStep[] {
    const steps: PlannedStep[] = []
    const shared: { readonly rank: number; readonly ino: Ino; readonly steps: readonly PlannedStep[] }[] = []
    for (const [change, of] of this.#changes.entries()) {
      if (isUsage(of)) continue
      const key = madeBy(of)
      const fresh =
        (of.kind === 'putNode' && of.fresh === true) || (key !== undefined && this.#absent.has(keyText(key)))
      const planned = this.#stepsOf(of).map((step) => ({ ...step, change, fresh }))
      const rank = sharedRank(of)
      if (rank === 0 || !this.#changedOnce(of)) steps.push(...planned)
      else shared.push({ rank, ino: (of as { ino: Ino }).ino, steps: planned })
    }
    shared.sort((a, b) => a.rank - b.rank || a.ino - b.ino)
    // Names that must be new are the last comparison, so they come first.
    steps.sort((a, b) => Number(isNewEdge(b)) - Number(isNewEdge(a)))
    return [...steps, ...shared.flatMap(({ steps }) => steps)]
  }

  #stepsOf(change: StepChange): readonly Step[] {
    const steps = stepsOf(change, this.#legacySessions)
    if (change.kind !== 'putNode' || !this.#isThere(change.ino)) return steps
    const [ino, ...values] = steps[0]!.params
    return [{ statement: 'updateNode', params: [...values, ino!] }]
  }

  #isThere(ino: Ino): boolean {
    return this.#guards.some((guard) => guard.kind === 'nodeIs' && guard.ino === ino && guard.is !== null)
  }

  /** No other change writes that record, so that the order of the two does not matter. */
  #changedOnce(change: Change): boolean {
    const { kind, ino } = change as { kind: string; ino: Ino }
    const others = kind === 'touchNode' ? ['putNode', 'delNode'] : ['putDirStat', 'delDirStat']
    return !this.#changes.some((other) => others.includes(other.kind) && (other as { ino: Ino }).ino === ino)
  }
}

/** Edges of the same directory and name. */
function sameKey(a: readonly SqlValue[], b: readonly SqlValue[]): boolean {
  return a[0] === b[0] && Buffer.compare(a[1] as Uint8Array, b[1] as Uint8Array) === 0
}

export function isNewEdge(step: PlannedStep): boolean {
  return step.fresh && step.statement === 'putEdge'
}

/** Rows that neighbours share: 1 touched nodes, 2 directory statistics; else 0. */
function sharedRank(change: StepChange): 0 | 1 | 2 {
  if (change.kind === 'touchNode') return 1
  return change.kind === 'addDirStat' ? 2 : 0
}

/** The record that a change makes or replaces. */
function madeBy(change: Change): RecordKey | undefined {
  switch (change.kind) {
    case 'putNode':
      return { kind: 'node', ino: change.ino }
    case 'putEdge':
      return { kind: 'edge', parent: change.parent, name: change.name }
    case 'appendChunk':
      return { kind: 'chunk', ino: change.ino, index: change.index }
    case 'putXattr':
      return { kind: 'xattr', ino: change.ino, name: change.name }
    case 'putSymlink':
      return { kind: 'symlink', ino: change.ino }
    case 'putSession':
      return { kind: 'session', sid: change.session.sid }
    case 'putDirStat':
      return { kind: 'dirStat', ino: change.ino }
    case 'putQuota':
      return { kind: 'quota', of: change.of, id: change.id }
    case 'putCounter':
      return { kind: 'counter', name: change.name }
    case 'putSetting':
      return { kind: 'setting' }
    default:
      return undefined
  }
}

const NULLABLE: ReadonlySet<string> = new Set([
  'rdev',
  'parent',
  'access_acl_id',
  'default_acl_id',
  'tier_id',
])
const WIDE: ReadonlySet<string> = new Set(['atime', 'mtime', 'ctime', 'length', 'parent'])
const MASKED: ReadonlySet<string> = new Set([
  'atime',
  'atimensec',
  'mtime',
  'mtimensec',
  'ctime',
  'ctimensec',
  'nlink',
  'length',
])

function equal(column: string): string {
  const param = WIDE.has(column) ? '$i64' : '$i32'
  return NULLABLE.has(column) ? `coalesce(${column}, 0) = ${param}` : `${column} = ${param}`
}

const WHOLE_NODE = `${NODE_LOCK} AND ${NODE_COLUMNS.map(equal).join(' AND ')}`
const LIKE_COLUMNS = NODE_COLUMNS.filter((column) => !MASKED.has(column))
const LIKE_COLUMNS_EQUAL = LIKE_COLUMNS.map(equal).join(' AND ')
const LIKE_NODE = `${NODE_LOCK} AND ${LIKE_COLUMNS_EQUAL}`
const EDGE_LOCK = 'SELECT 1 FROM {edge} WHERE parent = $i64 AND name = $bytes'
const WHOLE_EDGE = `${EDGE_LOCK} AND inode = $i64 AND type = $i32`
const DELETE_WHOLE_EDGE = WHOLE_EDGE.replace('SELECT 1', 'DELETE')
const UPDATE_WHOLE_NODE = `UPDATE {node} SET ${NODE_COLUMNS.map((column) => `${column} = ${WIDE.has(column) ? '$i64' : '$i32'}`).join(', ')} WHERE inode = $i64 AND ${NODE_COLUMNS.map(equal).join(' AND ')}`
const CHUNK_LOCK = 'SELECT 1 FROM {chunk} WHERE inode = $i64 AND indx = $i32'
const XATTR_LOCK = 'SELECT 1 FROM {xattr} WHERE inode = $i64 AND name = $name'
const WHOLE_CHUNK = `${CHUNK_LOCK} AND slices = $bytes`
const CHUNK_START = `${CHUNK_LOCK} AND substr(slices, 1, $i32) = $bytes`
const WHOLE_XATTR = `${XATTR_LOCK} AND value = $bytes`

const ALL_FLOCKS =
  "SELECT 1 WHERE (SELECT coalesce(string_agg(sid || ' ' || owner || ' ' || ltype, ',' ORDER BY sid, owner), '') FROM {flock} WHERE inode = $i64) = $text"
const ALL_PLOCKS =
  "SELECT 1 WHERE (SELECT coalesce(string_agg(sid || ' ' || owner || ' ' || encode(records, 'hex'), ',' ORDER BY sid, owner), '') FROM {plock} WHERE inode = $i64) = $text"

function likeToSql(node: NodeRecord): readonly SqlValue[] {
  const { type, flags, mode, uid, gid, rdev, parent, accessAcl, defaultAcl, tier } = node
  return [type, flags, mode, uid, gid, rdev, inoToSql(parent), accessAcl, defaultAcl, tier]
}

function flocksText(locks: readonly FlockRecord[] | null): string {
  return inOrder(locks)
    .map(({ sid, owner, type }) => `${sid} ${ownerToSql(owner)} ${type.charCodeAt(0)}`)
    .join(',')
}

function plocksText(value: unknown): string {
  return inOrder(value as readonly PlockRecord[] | null)
    .map(({ sid, owner, ranges }) => `${sid} ${ownerToSql(owner)} ${encodePlocks(ranges).toString('hex')}`)
    .join(',')
}

/** By session and owner, as stored. */
function inOrder<T extends { readonly sid: number; readonly owner: bigint }>(
  locks: readonly T[] | null,
): T[] {
  return [...(locks ?? [])].sort(
    (a, b) => a.sid - b.sid || (ownerToSql(a.owner) < ownerToSql(b.owner) ? -1 : 1),
  )
}
