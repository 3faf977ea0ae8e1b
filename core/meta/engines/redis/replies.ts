/**
 * Replies of a Redis server, in RESP2, out of the pieces in which they arrive. Source: redis.io/docs/latest/develop/
 * reference/protocol-spec.
 */
import { BackendError } from '#core/base/errno.ts'

/** Byte strings view the piece that they came in. */
export type Reply = Buffer | number | null | readonly Reply[]

/** The server's word against a command: its code, then a sentence. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError'
}

interface OpenList {
  readonly items: Reply[]
  missing: number
}

const PLUS = 0x2b
const MINUS = 0x2d
const COLON = 0x3a
const DOLLAR = 0x24
const STAR = 0x2a
const CR = 0x0d
const LINE_END = 2
/** Not all of it is here. */
const PARTIAL = Number.NaN
const NOTHING = Buffer.alloc(0)

export class ReplyParser {
  readonly #take: (reply: Reply | ReplyError) => void
  #piece: Buffer = NOTHING
  #at = 0
  /** What has come of a reply that goes on in the next piece, from its last element on. */
  #kept: Buffer[] = []
  #keptBytes = 0
  /** As long as there are not so many bytes, the next element is not whole. */
  #wanted = 0
  readonly #lists: OpenList[] = []
  /** An error inside a list is the whole list's. */
  #error: ReplyError | undefined

  /** `take` is called with each reply, in order; it must not throw. */
  constructor(take: (reply: Reply | ReplyError) => void) {
    this.#take = take
  }

  /** The next piece; its bytes stay as they are while replies are used. Throws BackendError when it is no RESP2. @hot */
  feed(piece: Buffer): void {
    this.#piece = this.#keptBytes === 0 ? piece : this.#join(piece)
    this.#at = 0
    while (this.#at < this.#piece.length) {
      const start = this.#at
      if (this.#element()) continue
      this.#keptBytes = this.#piece.length - start
      this.#kept = [this.#piece.subarray(start)]
      return
    }
  }

  /** Pieces are joined once the element that they are of is whole. */
  #join(piece: Buffer): Buffer {
    this.#kept.push(piece)
    this.#keptBytes += piece.length
    if (this.#keptBytes < this.#wanted) return NOTHING
    const whole = Buffer.concat(this.#kept, this.#keptBytes)
    this.#kept = []
    this.#keptBytes = 0
    this.#wanted = 0
    return whole
  }

  /** Read one element and move past it; false: not all of it is here. */
  #element(): boolean {
    const piece = this.#piece
    const start = this.#at
    switch (piece[start]) {
      case DOLLAR: {
        const length = this.#number(start + 1)
        if (Number.isNaN(length)) return false
        if (length < 0) return this.#got(null)
        const from = this.#at
        const end = from + length + LINE_END
        if (end > piece.length) {
          this.#wanted = end - start
          return false
        }
        this.#at = end
        return this.#got(piece.subarray(from, from + length))
      }
      case COLON: {
        const value = this.#number(start + 1)
        return !Number.isNaN(value) && this.#got(value)
      }
      case STAR: {
        const count = this.#number(start + 1)
        if (Number.isNaN(count)) return false
        if (count < 0) return this.#got(null)
        if (count === 0) return this.#got([])
        this.#lists.push({ items: [], missing: count })
        return true
      }
      case PLUS:
      case MINUS: {
        const end = piece.indexOf('\r\n', start, 'latin1')
        if (end < 0) return false
        this.#at = end + LINE_END
        const line = piece.subarray(start + 1, end)
        if (piece[start] === PLUS) return this.#got(line)
        const error = new ReplyError(line.toString())
        if (this.#lists.length === 0) this.#take(error)
        else {
          this.#error ??= error
          this.#got(null)
        }
        return true
      }
      default:
        throw new BackendError('unavailable', 'what answers there does not speak the protocol of Redis')
    }
  }

  /** The number at `from`, and past its line; PARTIAL, and not past anything, when its end is not here. */
  #number(from: number): number {
    const piece = this.#piece
    let at = from
    const negative = piece[at] === MINUS
    if (negative) at++
    let value = 0
    for (; at < piece.length; at++) {
      const byte = piece[at]!
      if (byte === CR) {
        if (at + 1 === piece.length) return PARTIAL
        this.#at = at + LINE_END
        return negative ? -value : value
      }
      value = value * 10 + (byte - 0x30)
    }
    return PARTIAL
  }

  /** Put an element where it belongs; whole lists become elements themselves. */
  #got(element: Reply): true {
    const lists = this.#lists
    let reply = element
    for (let k = lists.length - 1; k >= 0; k--) {
      const list = lists[k]!
      list.items.push(reply)
      if (--list.missing > 0) return true
      lists.pop()
      reply = list.items
    }
    const error = this.#error
    this.#error = undefined
    this.#take(error ?? reply)
    return true
  }
}
