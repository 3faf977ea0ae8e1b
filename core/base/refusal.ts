/**
 * A request we understand and will not carry out, for people: what stands in the way, and what they can do
 * about it. Thrown by tools, openers and the command line; never on the kernel path.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  /** The next step, as a sentence or a command to type. */
  readonly next: string | undefined

  constructor(message: string, next?: string, options?: ErrorOptions) {
    super(message, options)
    this.next = next
  }
}
