/**
 * A JSON dump as a stream of its parts, from text that comes in pieces: of the tree only the way down is held. Members
 * may come in any order and layout, but for a directory's `attr`, which comes before its `entries`.
 */
import { damaged, type EntryMembers } from './json-entry.ts'

export type TreeName = 'FSTree' | 'Trash'

export type DumpEvent =
  /** A member of the document, whole. */
  | { readonly kind: 'member'; readonly name: string; readonly value: unknown }
  /** One item of a list that may be long. */
  | { readonly kind: 'item'; readonly list: string; readonly value: unknown }
  /** A directory whose entries follow. The root of a tree has no name. */
  | {
      readonly kind: 'enter'
      readonly tree: TreeName
      readonly name: string | undefined
      readonly members: EntryMembers
    }
  /** Everything of the directory entered last has been told. */
  | { readonly kind: 'leave'; readonly members: EntryMembers }
  /** An entry without entries. */
  | {
      readonly kind: 'entry'
      readonly tree: TreeName
      readonly name: string | undefined
      readonly members: EntryMembers
    }

const LISTS = new Set(['Sustained', 'DelFiles', 'ChangeLog'])
/** Characters of one value; a file of 16,384 chunks has some 2 million. */
const LONGEST_VALUE = 2 ** 28
const LONG_NUMBER = /\d{16}/

type Frame =
  | { readonly kind: 'top' }
  | { readonly kind: 'list'; readonly name: string }
  | {
      readonly kind: 'entry'
      readonly tree: TreeName
      readonly name: string | undefined
      readonly members: Record<string, unknown>
      entered: boolean
    }
  | { readonly kind: 'entries'; readonly tree: TreeName }

export class DumpEvents {
  #text = ''
  #at = 0
  #stack: Frame[] = []
  #begun = false
  #ended = false
  /** A value has just ended: a comma or the end of what holds it must follow. */
  #afterValue = false
  #out: DumpEvent[] = []
  /** Where a value that has not arrived whole was left: offset and depth. */
  #scan: { at: number; depth: number } | undefined
  /** The member or item whose value is awaited. */
  #wanted: string | undefined

  /** The events that `piece` completes. Throws Refusal for what is no dump. */
  push(piece: string): readonly DumpEvent[] {
    if (this.#scan !== undefined) this.#scan.at -= this.#at
    this.#text = this.#at === 0 ? this.#text + piece : this.#text.slice(this.#at) + piece
    this.#at = 0
    this.#out = []
    while (this.#step());
    return this.#out
  }

  /** Throws Refusal when the document is not complete. */
  end(): void {
    if (!this.#ended) throw damaged('it ends too early')
  }

  /** False when more text is needed. */
  #step(): boolean {
    const char = this.#peek()
    if (char === undefined) return false
    if (this.#ended) throw damaged('something follows its end')
    const frame = this.#stack.at(-1)
    if (frame === undefined) return this.#begin(char)
    if (this.#wanted !== undefined) return this.#value(frame, this.#wanted)
    if (char === (frame.kind === 'list' ? ']' : '}')) return this.#close(frame)
    if (this.#afterValue) return this.#next(frame, char)
    if (frame.kind === 'list') {
      this.#wanted = frame.name
      return true
    }
    return this.#key(char)
  }

  #begin(char: string): boolean {
    if (this.#begun || char !== '{') throw damaged('it is no JSON object')
    this.#begun = true
    return this.#open({ kind: 'top' })
  }

  #open(frame: Frame): boolean {
    this.#at++
    this.#wanted = undefined
    this.#afterValue = false
    this.#stack.push(frame)
    return true
  }

  /** A comma, and after it there must be more. */
  #next(frame: Frame, comma: string): boolean {
    if (comma !== ',') throw damaged(`an unexpected ${comma}`)
    const before = this.#at++
    const char = this.#peek()
    if (char === undefined) {
      this.#at = before
      return false
    }
    if (char === ',' || char === '}' || char === ']') throw damaged(`an unexpected ${char}`)
    this.#afterValue = false
    if (frame.kind === 'list') this.#wanted = frame.name
    return true
  }

  #close(frame: Frame): boolean {
    this.#at++
    this.#afterValue = true
    this.#stack.pop()
    if (frame.kind === 'top') this.#ended = true
    if (frame.kind === 'entry') {
      const { tree, name, members } = frame
      this.#out.push(frame.entered ? { kind: 'leave', members } : { kind: 'entry', tree, name, members })
    }
    return true
  }

  #key(char: string): boolean {
    if (char !== '"') throw damaged(`an unexpected ${char}`)
    const end = endOfString(this.#text, this.#at)
    if (end < 0) return this.#more(this.#at)
    const start = this.#at
    this.#at = end
    const colon = this.#peek()
    if (colon === undefined) {
      this.#at = start
      return false
    }
    if (colon !== ':') throw damaged(`an unexpected ${colon}`)
    this.#wanted = parse(this.#text.slice(start, end)) as string
    this.#at++
    return true
  }

  /** The value of the member `name`, or an item of the list of that name. */
  #value(frame: Frame, name: string): boolean {
    const char = this.#text[this.#at]!
    if (this.#scan === undefined) {
      const inner = this.#frameFor(frame, name, char)
      if (inner !== undefined) {
        return this.#open(inner)
      }
    }
    const end = this.#endOfValue(char)
    if (end < 0) return this.#more(this.#at)
    const wanted = frame.kind !== 'entry' || KNOWN.has(name)
    const value = wanted ? parse(this.#text.slice(this.#at, end)) : undefined
    this.#at = end
    this.#wanted = undefined
    this.#afterValue = true
    this.#keep(frame, name, value)
    return true
  }

  #keep(frame: Frame, name: string, value: unknown): void {
    switch (frame.kind) {
      case 'top':
        this.#out.push({ kind: 'member', name, value })
        return
      case 'list':
        this.#out.push({ kind: 'item', list: name, value })
        return
      case 'entry':
        if (value !== undefined) frame.members[name] = value
        return
      default:
        throw damaged(`entry ${JSON.stringify(name)} is no object`)
    }
  }

  /** What to go into instead of taking it whole. */
  #frameFor(frame: Frame, name: string, char: string): Frame | undefined {
    if (frame.kind === 'top') {
      if (char === '[' && LISTS.has(name)) return { kind: 'list', name }
      if (char === '{' && (name === 'FSTree' || name === 'Trash'))
        return { kind: 'entry', tree: name, name: undefined, members: {}, entered: false }
    }
    if (frame.kind === 'entries' && char === '{')
      return { kind: 'entry', tree: frame.tree, name, members: {}, entered: false }
    if (frame.kind === 'entry' && name === 'entries' && char === '{') {
      const { tree, members } = frame
      if (frame.entered) throw damaged('an entry with two lists of entries')
      frame.entered = true
      this.#out.push({ kind: 'enter', tree, name: frame.name, members: { ...members } })
      return { kind: 'entries', tree }
    }
    return undefined
  }

  /** The next character that is no blank. */
  #peek(): string | undefined {
    const text = this.#text
    for (; this.#at < text.length; this.#at++) {
      const code = text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return text[this.#at]
    }
    return undefined
  }

  /** Offset after the value at hand, or -1 with `#scan` set when it has not arrived. */
  #endOfValue(first: string): number {
    const text = this.#text
    if (first === '"') return endOfString(text, this.#at)
    if (first !== '{' && first !== '[') {
      for (let at = this.#at; at < text.length; at++) if (SCALAR_END.test(text[at]!)) return at
      return -1
    }
    const scan = (this.#scan ??= { at: this.#at, depth: 0 })
    for (; scan.at < text.length; scan.at++) {
      const code = text.charCodeAt(scan.at)
      if (code === 0x22) {
        const end = endOfString(text, scan.at)
        if (end < 0) return -1
        scan.at = end - 1
      } else if (code === 0x7b || code === 0x5b) scan.depth++
      else if ((code === 0x7d || code === 0x5d) && --scan.depth === 0) {
        const end = scan.at + 1
        this.#scan = undefined
        return end
      }
    }
    return -1
  }

  #more(from: number): false {
    if (this.#text.length - from > LONGEST_VALUE) throw damaged('a value without an end')
    return false
  }
}

/** Members of an entry that mean something. */
const KNOWN = new Set([
  'attr',
  'symlink',
  'xattrs',
  'posix_acl_access',
  'posix_acl_default',
  'chunks',
  'entries',
])
const SCALAR_END = /[\s,\]}]/

/** Offset after the closing quote of the string at `at`; -1 when it is not there yet. */
function endOfString(text: string, at: number): number {
  for (let quote = at; ; ) {
    quote = text.indexOf('"', quote + 1)
    if (quote < 0) return -1
    let slashes = 0
    while (text.charCodeAt(quote - 1 - slashes) === 0x5c) slashes++
    if (slashes % 2 === 0) return quote + 1
  }
}

/** Whole numbers that a JS number does not hold come as bigint. */
function parse(text: string): unknown {
  try {
    return LONG_NUMBER.test(text) ? JSON.parse(text, exactIntegers) : JSON.parse(text)
  } catch (cause) {
    throw damaged('it is no valid JSON', cause)
  }
}

function exactIntegers(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source
  if (typeof value !== 'number' || Number.isSafeInteger(value) || source === undefined) return value
  return /^-?\d+$/.test(source) ? BigInt(source) : value
}
