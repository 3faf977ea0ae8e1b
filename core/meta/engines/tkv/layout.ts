/**
 * Keys of a volume in an ordered store, as byte strings. In keys an inode is little endian, so that neighbours are not
 * neighbours in the store; all other numbers are big endian.
 *
 * Source: shared/spec/meta-sql-and-tkv.md §B1.
 */
import { type Ino, inoFromWords, wireHi, wireLo } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import type { QuotaKind } from '#core/meta/records.ts'
import { type Key, type KeyRange, under } from './ordered-store.ts'
import { corrupt } from './values.ts'

const WORD = 2 ** 32
const QUOTA_LETTER = { dir: 'D', user: 'U', group: 'G' } as const
/** What follows `A` and the inode. */
export const NODE = 'I'
export const EDGE = 'D'
export const CHUNK = 'C'

export class Layout {
  /** Everything of the volume, and nothing else, begins with it. */
  readonly prefix: Key
  readonly setting: Key
  readonly lastAcl: Key

  constructor(prefix: Key) {
    this.prefix = prefix
    this.setting = `${prefix}setting`
    this.lastAcl = this.counter('aclMaxId')
  }

  counter(name: string): Key {
    return `${this.prefix}C${name}`
  }

  node(ino: Ino): Key {
    return `${this.prefix}A${inoKey(ino)}${NODE}`
  }

  edge(parent: Ino, name: Name): Key {
    return `${this.prefix}A${inoKey(parent)}${EDGE}${name}`
  }

  edges(parent: Ino): KeyRange {
    return under(this.edge(parent, ''))
  }

  parent(ino: Ino, parent: Ino): Key {
    return `${this.prefix}A${inoKey(ino)}P${inoKey(parent)}`
  }

  parents(ino: Ino): KeyRange {
    return under(`${this.prefix}A${inoKey(ino)}P`)
  }

  chunk(ino: Ino, index: number): Key {
    return `${this.prefix}A${inoKey(ino)}${CHUNK}${u32Key(index)}`
  }

  /** Indexes [from, to). */
  chunks(ino: Ino, from: number, to?: number): KeyRange {
    const all = under(`${this.prefix}A${inoKey(ino)}${CHUNK}`)
    return { from: this.chunk(ino, from), to: to === undefined ? all.to : this.chunk(ino, to) }
  }

  symlink(ino: Ino): Key {
    return `${this.prefix}A${inoKey(ino)}S`
  }

  xattr(ino: Ino, name: Name): Key {
    return `${this.prefix}A${inoKey(ino)}X${name}`
  }

  xattrs(ino: Ino): KeyRange {
    return under(this.xattr(ino, ''))
  }

  /** Nodes, edges, parents, chunks, symlinks and xattrs of every inode. */
  get inodes(): KeyRange {
    return this.#all('A')
  }

  deletedFile(ino: Ino, length: number): Key {
    return `${this.prefix}D${inoKey(ino)}${u64Key(length)}`
  }

  get deletedFiles(): KeyRange {
    return this.#all('D')
  }

  flocks(ino: Ino): Key {
    return `${this.prefix}F${inoKey(ino)}`
  }

  get allFlocks(): KeyRange {
    return this.#all('F')
  }

  plocks(ino: Ino): Key {
    return `${this.prefix}P${inoKey(ino)}`
  }

  get allPlocks(): KeyRange {
    return this.#all('P')
  }

  sliceRef(id: number, size: number): Key {
    return `${this.prefix}K${u64Key(id)}${u32Key(size)}`
  }

  get sliceRefs(): KeyRange {
    return this.#all('K')
  }

  delayed(deleted: number, newId: number): Key {
    return `${this.prefix}L${u64Key(deleted)}${u64Key(newId)}`
  }

  get allDelayed(): KeyRange {
    return this.#all('L')
  }

  sessionExpiry(sid: number): Key {
    return `${this.prefix}SE${u64Key(sid)}`
  }

  /** Of clients before 1.0-beta3. */
  sessionHeartbeat(sid: number): Key {
    return `${this.prefix}SH${u64Key(sid)}`
  }

  sessionInfo(sid: number): Key {
    return `${this.prefix}SI${u64Key(sid)}`
  }

  sessions(letter: 'SE' | 'SH' | 'SI'): KeyRange {
    return this.#all(letter)
  }

  sustained(sid: number, ino: Ino): Key {
    return `${this.prefix}SS${u64Key(sid)}${inoKey(ino)}`
  }

  allSustained(sid: number): KeyRange {
    return this.#all(`SS${u64Key(sid)}`)
  }

  dirStat(ino: Ino): Key {
    return `${this.prefix}U${inoKey(ino)}`
  }

  detached(ino: Ino): Key {
    return `${this.prefix}N${inoKey(ino)}`
  }

  get allDetached(): KeyRange {
    return this.#all('N')
  }

  /** The number of a user or group is no inode and stands the other way round. */
  quota(of: QuotaKind, id: number): Key {
    return `${this.prefix}Q${QUOTA_LETTER[of]}${of === 'dir' ? inoKey(id) : u64Key(id)}`
  }

  quotas(of: QuotaKind): KeyRange {
    return this.#all(`Q${QUOTA_LETTER[of]}`)
  }

  acl(id: number): Key {
    return `${this.prefix}R${u32Key(id)}`
  }

  get acls(): KeyRange {
    return this.#all('R')
  }

  /** Bytes of a key after the prefix and its letters. */
  rest(key: Key, letters: number): string {
    return key.slice(this.prefix.length + letters)
  }

  #all(letters: string): KeyRange {
    return under(this.prefix + letters)
  }
}

function inoKey(ino: Ino): string {
  return littleKey(wireLo(ino)) + littleKey(wireHi(ino))
}

/** The inode at the beginning of these bytes. */
export function inoOfKey(bytes: string, at = 0): Ino {
  const ino = inoFromWords(littleAt(bytes, at + 4), littleAt(bytes, at))
  if (Number.isNaN(ino)) throw corrupt('a key with an impossible inode')
  return ino
}

export function u64OfKey(bytes: string, at = 0): number {
  const value = u32OfKey(bytes, at) * WORD + u32OfKey(bytes, at + 4)
  if (!Number.isSafeInteger(value)) throw corrupt('a key with a number this client cannot count')
  return value
}

export function u32OfKey(bytes: string, at = 0): number {
  const [a, b, c, d] = [0, 1, 2, 3].map((k) => bytes.charCodeAt(at + k)) as [number, number, number, number]
  return a * 2 ** 24 + ((b << 16) | (c << 8) | d)
}

function u64Key(value: number): string {
  return u32Key(Math.floor(value / WORD)) + u32Key(value % WORD)
}

function u32Key(value: number): string {
  return String.fromCharCode(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
}

function littleKey(value: number): string {
  return String.fromCharCode(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24)
}

function littleAt(bytes: string, at: number): number {
  const [a, b, c, d] = [3, 2, 1, 0].map((k) => bytes.charCodeAt(at + k)) as [number, number, number, number]
  return a * 2 ** 24 + ((b << 16) | (c << 8) | d)
}
