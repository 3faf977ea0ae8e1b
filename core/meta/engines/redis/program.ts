/**
 * What a commit sends: the steps that lua/commit.ts interprets, with their keys and arguments.
 *
 * Changes of one node are folded into one effect, so that a record is read once and written once whatever happens to it
 * in a commit. Deletions of keys are gathered into one DEL until something else is done to one of those keys.
 */
import { BackendError } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import { patchNode } from './values.ts'
import type { Word } from './wire.ts'

export interface Touch {
  /** 12 bytes, or empty to keep the times. */
  readonly time: Word
  readonly nlink: number
}

type Effect =
  | { readonly kind: 'put'; readonly record: Uint8Array }
  | { readonly kind: 'delete' }
  | ({ readonly kind: 'touch' } & Touch)

interface NodeUse {
  readonly ino: Ino
  readonly key: string
  /** Place among the nodes that are read, from 1; 0: only written. */
  slot: number
  /** A guard says that it is there. */
  exists: boolean
  effect: Effect | undefined
}

/** Keys of one DEL. */
const MAX_DELETES = 1000
const END_OF_GUARDS = ';'

export class Program {
  readonly args: Word[] = ['', '']
  /** Changes whose replies the script sends first, by their place in the commit. */
  readonly replyAt: number[] = []
  /** Nodes whose records it sends after those. */
  readonly touched: Ino[] = []
  /** Every key that is written. */
  readonly writes: string[] = []
  readonly #nodeKey: (ino: Ino) => string
  readonly #nodes: NodeUse[] = []
  readonly #slotKeys: string[] = []
  readonly #keys: string[] = []
  readonly #deletes: string[] = []
  #guards = ''
  #changes = ''

  constructor(nodeKey: (ino: Ino) => string) {
    this.#nodeKey = nodeKey
  }

  /** KEYS, once everything is said. */
  finish(): readonly string[] {
    for (const node of this.#nodes) if (node.effect?.kind === 'delete') this.delete(node.key)
    this.#flushDeletes()
    for (const node of this.#nodes) this.#writeNode(node)
    this.args[0] = this.#guards + END_OF_GUARDS + NO_NUMBER + this.#changes
    this.args[1] = String(this.#slotKeys.length)
    return this.#slotKeys.length === 0 ? this.#keys : this.#slotKeys.concat(this.#keys)
  }

  /** A guard on a node's record; `exists`: it can only hold when there is one. */
  guardNode(letter: '=' | '~', ino: Ino, record: Word, exists: boolean): void {
    const node = this.#read(ino)
    node.exists ||= exists
    this.#guards += letter + number(node.slot)
    this.args.push(record)
  }

  guard(letter: string, n: number, key: string, ...args: readonly Word[]): void {
    this.#guards += letter + number(n)
    this.#keys.push(key)
    for (let k = 0; k < args.length; k++) this.args.push(args[k]!)
  }

  /** A guard over several values: for each how it is fetched and how compared, and its key. */
  guardValues(
    steps: readonly (readonly [fetch: string, compare: string])[],
    keys: readonly string[],
    args: readonly Word[],
  ): void {
    this.#guards += `v${number(steps.length)}`
    for (const [fetch, compare] of steps) this.#guards += `${fetch}\0${compare}`
    this.#keys.push(...keys)
    this.args.push(...args)
  }

  putNode(ino: Ino, record: Uint8Array): void {
    this.#node(ino).effect = { kind: 'put', record }
  }

  deleteNode(ino: Ino): void {
    this.#node(ino).effect = { kind: 'delete' }
  }

  touchNode(ino: Ino, touch: Touch): void {
    const before = this.#node(ino).effect
    if (before?.kind === 'delete') {
      // Wrong, but only if all guards hold: the script says so then.
      this.#guards += `?${number(this.#read(ino).slot)}`
      return
    }
    if (before?.kind === 'put') {
      this.putNode(ino, patchNode(before.record, touch))
      return
    }
    const time = touch.time.length > 0 || before === undefined ? touch.time : before.time
    const nlink = touch.nlink + (before?.nlink ?? 0)
    this.#read(ino).effect = { kind: 'touch', time, nlink }
  }

  delete(key: string): void {
    if (this.#deletes.push(key) === MAX_DELETES) this.#flushDeletes()
  }

  /** One Redis command on `key`. @hot */
  command(name: string, key: string, ...args: readonly Word[]): void {
    this.#step('C', args.length, key)
    this.args.push(name)
    for (let k = 0; k < args.length; k++) this.args.push(args[k]!)
  }

  /** The same; its integer reply is the reply of the change at `at`. */
  commandWithReply(at: number, name: string, key: string, ...args: readonly Word[]): void {
    this.#step('R', args.length, key)
    this.args.push(name, ...args)
    this.replyAt.push(at)
  }

  /** A step of its own letter with these keys, all of which it may write. */
  step(letter: string, n: number, keys: readonly string[], ...args: readonly Word[]): void {
    this.#step(letter, n, keys[0]!)
    for (let k = 1; k < keys.length; k++) {
      this.#keys.push(keys[k]!)
      this.writes.push(keys[k]!)
    }
    for (let k = 0; k < args.length; k++) this.args.push(args[k]!)
  }

  #step(letter: string, n: number, key: string): void {
    if (this.#deletes.length > 0 && this.#deletes.includes(key)) this.#flushDeletes()
    this.#changes += letter + number(n)
    this.#keys.push(key)
    this.writes.push(key)
  }

  #flushDeletes(): void {
    if (this.#deletes.length === 0) return
    this.#changes += `X${number(this.#deletes.length)}`
    for (const key of this.#deletes) {
      this.#keys.push(key)
      this.writes.push(key)
    }
    this.#deletes.length = 0
  }

  #writeNode({ ino, key, slot, exists, effect }: NodeUse): void {
    if (effect === undefined || effect.kind === 'delete') return
    this.writes.push(key)
    if (effect.kind === 'put') {
      this.#changes += `P${NO_NUMBER}`
      this.#keys.push(key)
      this.args.push(effect.record)
      return
    }
    if (!exists) this.#guards += `!${number(slot)}`
    this.#changes += `T${number(slot)}`
    this.args.push(effect.time, String(effect.nlink))
    this.touched.push(ino)
  }

  #node(ino: Ino): NodeUse {
    const nodes = this.#nodes
    for (let k = nodes.length - 1; k >= 0; k--) if (nodes[k]!.ino === ino) return nodes[k]!
    const node: NodeUse = { ino, key: this.#nodeKey(ino), slot: 0, exists: false, effect: undefined }
    nodes.push(node)
    return node
  }

  #read(ino: Ino): NodeUse {
    const node = this.#node(ino)
    if (node.slot === 0) node.slot = this.#slotKeys.push(node.key)
    return node
  }
}

const NO_NUMBER = '\0\0'

const MOST = 0xffff

/** A number as two bytes. */
function number(n: number): string {
  if (n > MOST) throw new BackendError('invalid', `a commit of more than ${MOST} nodes or slice records`)
  return String.fromCharCode(n >> 8, n & 0xff)
}
