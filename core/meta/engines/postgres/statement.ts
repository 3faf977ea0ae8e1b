/** A statement that connections prepare once each. */
import type { Decoder } from './values.ts'

let made = 0

export class Prepared {
  readonly text: string
  /** Its name on every connection. */
  readonly name: string
  /** All its integers come as bigint. */
  readonly wide: boolean
  /** One for each column; known once a server has described the statement. */
  decoders: readonly Decoder[] | undefined

  constructor(text: string, wide = false) {
    this.text = text
    this.name = `p${++made}`
    this.wide = wide
  }
}
