/**
 * Commits as one call: a function in the session's own temporary schema for each *shape* of commit, that is, the
 * sequence of its comparisons and changes without their values. It leaves nothing behind in the database.
 *
 *     CREATE FUNCTION pg_temp.pomelo_7(bigint[], bytea, bytea) RETURNS bigint[] …
 *       PERFORM 1 FROM "jfs_node" WHERE inode = $1[1] AND … FOR KEY SHARE;
 *       IF NOT FOUND THEN RETURN NULL; END IF;         -- a guard does not hold: nothing has been changed
 *       INSERT INTO "jfs_edge" … ON CONFLICT DO NOTHING;
 *       …
 *       RETURN replies || touched nodes
 *
 * All integers travel in one array, as a function takes at most 100 arguments and an array is one message field.
 */
import { BackendError } from '#core/base/errno.ts'
import type { TouchedNode } from '#core/meta/engine.ts'
import type { ParamType, SqlValue } from '../sql/dialect.ts'
import { NODE_WIDTH, nodeFromRow } from '../sql/rows.ts'
import type { SqlLayout } from '../sql/statements.ts'
import { placeholder, SQL_TYPES } from './dialect.ts'
import { type CallPlan, type Check, isNewEdge, lockClause, type Plan, type PlannedStep } from './plan.ts'
import { WAL_POSITION } from './server-life.ts'
import { Prepared } from './statement.ts'

/** More comparisons and changes than this go as statements of a transaction. */
const MAX_STEPS = 32
/** Shapes that are remembered; operations have a few dozen. */
const MAX_SHAPES = 300

/** The rest of the transaction does not wait for the disk; its number and position come before the replies. */
const AHEAD = `pomelo_text := set_config('synchronous_commit', 'off', true);
pomelo_replies := ARRAY[txid_current(), ${WAL_POSITION}] || pomelo_replies;
`

/** SQLSTATE of our own: a guard turned out not to hold after something was changed. */
export const GUARD_FAILED = 'PM001'
/** A node that is touched is gone. */
export const NODE_GONE = 'PM002'

export interface CommitFunction {
  readonly name: string
  /** Makes it on a connection. */
  readonly definition: Prepared
  readonly call: Prepared
  /** It is answered before it is on the disk: number and position come first. */
  readonly ahead: boolean
}

interface Shape {
  uses: number
  made?: CommitFunction
}

export class CommitFunctions {
  readonly #layout: SqlLayout
  readonly #shapes = new Map<string, Shape>()
  /** Templates and names of statements, numbered. */
  readonly #tokens = new Map<string, number>()
  #made = 0

  constructor(layout: SqlLayout) {
    this.#layout = layout
  }

  /**
   * The function for a plan; undefined for a shape that is seen the first time, too long or cannot be compared so.
   * `ahead`: it is answered before it is on the disk, and tells its number and position.
   */
  of({ call }: Plan, ahead: boolean): CommitFunction | undefined {
    if (call === undefined) return undefined
    const { checks, steps } = call
    if (checks.length + steps.length > MAX_STEPS) return undefined
    const name = (ahead ? '~' : '') + this.#shapeOf(checks, steps)
    let shape = this.#shapes.get(name)
    if (shape === undefined) {
      if (this.#shapes.size >= MAX_SHAPES) return undefined
      this.#shapes.set(name, (shape = { uses: 0 }))
    }
    if (++shape.uses < 2) return undefined
    return (shape.made ??= this.#make(`pomelo_${++this.#made}`, checks, steps, ahead))
  }

  /** A short text that is equal for equal functions. @hot */
  #shapeOf(checks: readonly Check[], steps: readonly PlannedStep[]): string {
    let name = ''
    for (const { template, lock, absent } of checks)
      name += `${this.#token(template)}${lock?.[0] ?? ''}${absent ? '!' : ' '}`
    for (const { statement, fresh, where } of steps)
      name += `${this.#token(statement)}${fresh ? '!' : ' '}${where === undefined ? '' : '&'}`
    return name
  }

  #token(text: string): number {
    let token = this.#tokens.get(text)
    if (token === undefined) this.#tokens.set(text, (token = this.#tokens.size))
    return token
  }

  #make(
    name: string,
    checks: readonly Check[],
    steps: readonly PlannedStep[],
    ahead: boolean,
  ): CommitFunction {
    const body = new Body(this.#layout)
    let locks = 0
    for (const { template, lock, absent, writes } of checks) {
      const clause = lock === undefined ? '' : lockClause(lock, locks === 0, 'SKIP LOCKED')
      if (lock !== undefined || writes) locks++
      body.line(`${template.replace(/^SELECT/, 'PERFORM')}${clause};`)
      body.refuse(absent ? 'FOUND' : 'NOT FOUND')
      if (writes) body.changed = true
    }
    for (const step of steps) body.step(step)
    const types = ['bigint[]', ...body.types.map((type) => SQL_TYPES[type === 'name' ? 'bytes' : type])]
    const full = `pg_temp.${name}`
    return {
      name,
      ahead,
      definition: new Prepared(
        `CREATE FUNCTION ${full}(${types.join(', ')}) RETURNS bigint[] LANGUAGE plpgsql AS $pomelo$
#variable_conflict use_column
DECLARE pomelo_replies bigint[] := '{}'; pomelo_value bigint; pomelo_node bigint[]; pomelo_text text;
BEGIN
${body.text}
${ahead ? AHEAD : ''}RETURN pomelo_replies;
END $pomelo$`,
      ),
      call: new Prepared(`SELECT ${full}(${types.map((type, k) => `$${k + 1}::${type}`).join(', ')})`),
    }
  }
}

/** The text of a function as it grows, with its arguments. */
class Body {
  readonly #layout: SqlLayout
  readonly types: ParamType[] = []
  /** Something has been changed by then: a guard that does not hold has to undo it. */
  changed = false
  #integers = 0
  text = ''

  constructor(layout: SqlLayout) {
    this.#layout = layout
  }

  line(template: string): void {
    const text = this.#layout.render(template, (type) => {
      if (type === 'i64') return `$1[${++this.#integers}]`
      if (type === 'i32') return `$1[${++this.#integers}]::integer`
      this.types.push(type)
      return placeholder(type, `$${this.types.length + 1}`)
    })
    this.text += `${text}\n`
  }

  /** What happens when a guard does not hold. */
  refuse(condition: string): void {
    const undo = `RAISE EXCEPTION 'a guard does not hold' USING ERRCODE = '${GUARD_FAILED}'`
    this.line(`IF ${condition} THEN ${this.changed ? undo : 'RETURN NULL'}; END IF;`)
  }

  step(step: PlannedStep): void {
    const template = this.#layout.template(step.statement)
    if (isNewEdge(step)) {
      this.line(`${insertOnly(template)} ON CONFLICT DO NOTHING;`)
      this.refuse('NOT FOUND')
      this.changed = true
      return
    }
    const statement = step.fresh ? insertOnly(template) : template
    if (step.reply?.from !== 'needed') this.changed = true
    switch (step.reply?.from) {
      case 'value':
        this.line('pomelo_value := NULL;')
        this.line(`${statement} INTO pomelo_value;`)
        this.line(`pomelo_replies := pomelo_replies || coalesce(pomelo_value, ${step.reply.otherwise});`)
        return
      case 'changed':
        this.line(`${statement};`)
        this.line('GET DIAGNOSTICS pomelo_value = ROW_COUNT;')
        this.line('pomelo_replies := pomelo_replies || pomelo_value;')
        return
      case 'needed':
        // Only touched nodes are needed; they come back whole.
        this.line(`${touching(statement, step.where)} INTO pomelo_node;`)
        if (step.where === undefined)
          this.line(
            `IF NOT FOUND THEN RAISE EXCEPTION 'the node is gone' USING ERRCODE = '${NODE_GONE}'; END IF;`,
          )
        else this.refuse('NOT FOUND')
        this.changed = true
        this.line('pomelo_replies := pomelo_replies || pomelo_node;')
        return
      default:
        this.line(`${statement};`)
    }
  }
}

/** The statement without what it does when the row is there already. */
export function insertOnly(template: string): string {
  return template.replace(/ ON CONFLICT .*?(?= RETURNING |$)/, '')
}

/** An update of a node that returns it, as one array; `where`: further conditions. */
export function touching(template: string, where?: string): string {
  const update = template.replace('UPDATE {node} SET', 'UPDATE {node} AS n SET')
  return `${update}${where === undefined ? '' : ` AND ${where}`} RETURNING ARRAY[{node.*}]::bigint[]`
}

/** Arguments of a call: the array of integers, then the others, in the order of the text. */
export function callParams({ checks, steps }: CallPlan): readonly SqlValue[] {
  const integers: (number | bigint)[] = []
  const others: SqlValue[] = []
  for (const { params } of [...checks, ...steps]) {
    for (const value of params) {
      if (typeof value === 'number' || typeof value === 'bigint') integers.push(value)
      else others.push(value)
    }
  }
  return [`{${integers.join(',')}}`, ...others]
}

export interface Answers {
  /** One for each change of the commit. */
  readonly replies: readonly number[]
  readonly touched: readonly TouchedNode[]
}

/** What a function returned, beginning at `from`, for `changes` changes; `inoOf`: the inode a change touches. */
export function readAnswers(
  returned: readonly number[],
  from: number,
  steps: readonly PlannedStep[],
  changes: number,
  inoOf: (change: number) => number,
): Answers {
  const replies = new Array<number>(changes).fill(0)
  const touched: TouchedNode[] = []
  let at = from
  for (const { reply, change } of steps) {
    if (reply === undefined) continue
    if (reply.from === 'needed') {
      touched.push({ ino: inoOf(change), node: nodeFromRow(returned, at) })
      at += NODE_WIDTH
    } else replies[change] = returned[at++]!
  }
  if (at !== returned.length) throw new BackendError('invalid', 'a commit was answered in an unknown form')
  return { replies, touched }
}

/** The text form of an array of integers. */
export function parseIntegers(text: string): number[] {
  return text === '{}' ? [] : text.slice(1, -1).split(',').map(Number)
}
