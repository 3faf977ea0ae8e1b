/** The statements of a volume's tables, made once and prepared by each connection when it first needs them. */
import { type SqlLayout, type StatementName, WIDE } from '../sql/statements.ts'
import { Prepared } from './statement.ts'

export class PgStatements {
  readonly layout: SqlLayout
  readonly #named = new Map<StatementName, Prepared>()
  readonly #others = new Map<string, Prepared>()

  constructor(layout: SqlLayout) {
    this.layout = layout
  }

  /** @hot */
  of(name: StatementName): Prepared {
    let statement = this.#named.get(name)
    if (statement === undefined) {
      statement = new Prepared(this.layout.text(name), WIDE.has(name))
      this.#named.set(name, statement)
    }
    return statement
  }

  /** A statement made of a template by adding to it or taking from it; there are a few dozen. */
  ofTemplate(template: string): Prepared {
    let statement = this.#others.get(template)
    if (statement === undefined) {
      statement = new Prepared(this.layout.render(template))
      this.#others.set(template, statement)
    }
    return statement
  }
}
