/**
 * Several statements in one round trip, which are one transaction unless they say otherwise.
 *
 * `pg` sends one statement and waits for its answer. This is a query of our own for its queue: the messages of all
 * statements go out together with one Sync, and the answers are dealt out in order. A statement is described only
 * the first time anybody prepares it, so a warm one is two messages.
 *
 * Source: PostgreSQL documentation, "Extended Query" and "Pipelining" in Message Flow.
 */
import type { SqlValue } from '../sql/dialect.ts'
import type { Row } from '../sql/statements.ts'
import type { Prepared } from './statement.ts'
import { decoderOf, toWire, type WireValue } from './values.ts'

export interface Call {
  readonly statement: Prepared
  readonly params: readonly SqlValue[]
}

export interface Result {
  readonly rows: Row[]
  /** Rows changed or selected, as the server counts. */
  count: number
}

/** What `pg` offers to a query it lets write. */
export interface Wire {
  readonly stream: { cork(): void; uncork(): void }
  parse(message: { name: string; text: string }): void
  describe(message: { type: 'S'; name: string }): void
  bind(message: { statement: string; values: readonly WireValue[] }): void
  execute(): void
  close(message: { type: 'S'; name: string }): void
  sync(): void
}

/** What one connection has prepared. */
export interface PreparedHere {
  /** False behind a pooler, where the next transaction may meet another server process. */
  readonly named: boolean
  readonly known: Set<Prepared>
  /** Prepared by a batch that failed: they may be there. */
  readonly doubtful: Set<Prepared>
}

export class Batch {
  readonly results: readonly Result[]
  readonly #calls: readonly Call[]
  readonly #here: PreparedHere
  readonly #settle: (error: unknown) => void
  readonly #fresh: Prepared[] = []
  #at = 0
  #failure: unknown

  /** `settle` is called once, without an error when all is done and, but for an open transaction, durable. */
  constructor(calls: readonly Call[], here: PreparedHere, settle: (error: unknown) => void) {
    this.#calls = calls
    this.#here = here
    this.#settle = settle
    this.results = calls.map(() => ({ rows: [], count: 0 }))
  }

  /** Called by `pg` when it is our turn. @hot */
  submit(wire: Wire): null {
    wire.stream.cork()
    for (const { statement, params } of this.#calls) {
      const name = this.#prepare(wire, statement)
      wire.bind({ statement: name, values: params.map(toWire) })
      wire.execute()
    }
    wire.sync()
    wire.stream.uncork()
    return null
  }

  #prepare(wire: Wire, statement: Prepared): string {
    const { named, known, doubtful } = this.#here
    const name = named ? statement.name : ''
    if (known.has(statement)) return name
    if (doubtful.delete(statement)) wire.close({ type: 'S', name })
    wire.parse({ name, text: statement.text })
    if (statement.decoders === undefined) wire.describe({ type: 'S', name })
    if (named) {
      known.add(statement)
      this.#fresh.push(statement)
    }
    return name
  }

  handleRowDescription({ fields }: { fields: readonly { dataTypeID: number }[] }): void {
    const { statement } = this.#calls[this.#at]!
    statement.decoders ??= fields.map(({ dataTypeID }) => decoderOf(dataTypeID, statement.wide))
  }

  /** @hot */
  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    if (this.#failure !== undefined) return
    const decoders = this.#calls[this.#at]!.statement.decoders!
    const row = new Array<unknown>(fields.length)
    try {
      for (let k = 0; k < fields.length; k++) {
        const text = fields[k]
        row[k] = text === null || text === undefined ? null : decoders[k]!(text)
      }
    } catch (error) {
      this.#failure = error
    }
    this.results[this.#at]!.rows.push(row)
  }

  handleCommandComplete({ text }: { text: string }): void {
    // `INSERT 0 1`, `SELECT 1`, `BEGIN`.
    this.results[this.#at++]!.count = Number(text.slice(text.lastIndexOf(' ') + 1)) || 0
  }

  handleError(error: unknown): void {
    for (const statement of this.#fresh) {
      this.#here.known.delete(statement)
      this.#here.doubtful.add(statement)
    }
    this.#settle(error)
  }

  /** Everything has been carried out, and committed unless a transaction was opened. */
  handleReadyForQuery(): void {
    this.#settle(this.#failure)
  }

  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
  handleCopyInResponse(): void {}
  handleCopyData(): void {}
}
