/**
 * An ordered key-value store with transactions: all that the layout of this folder asks of TiKV, etcd and the like.
 *
 * Keys are byte strings (base/name.ts): they sort bytewise and are joined as text. Methods reject BackendError.
 */
import type { Finding } from '#core/base/finding.ts'

/** A byte string. */
export type Key = string

export interface KeyRange {
  readonly from: Key
  /** Not in the range. */
  readonly to: Key
}

export interface ScanOptions {
  /** Pairs at most, 1 or more. */
  readonly limit: number
  /** From the end of the range. */
  readonly reverse?: boolean
  /** Values may be left out, as empty. */
  readonly keysOnly?: boolean
}

export interface Pair {
  readonly key: Key
  readonly value: Uint8Array
}

export interface StoreReader {
  /** Values in the order asked, null where there is none, in one round trip as far as the store can. */
  get(keys: readonly Key[]): Promise<readonly (Uint8Array | null)[]>
  /** Pairs in the order of the scan. Fewer than `limit`: there are no more. */
  scan(range: KeyRange, options: ScanOptions): Promise<readonly Pair[]>
}

/** Keys to be written and their values; null removes. */
export type Writes = ReadonlyMap<Key, Uint8Array | null>

/** Where the commit of a transaction left the store. One other transaction may begin there (`begin`). */
export interface Moment {
  readonly at: bigint
  /** What it wrote or guarded: none of it is newer there than it left it. */
  readonly keys: ReadonlySet<Key>
}

/**
 * Reads what was committed when it began; rejects `conflict` where the store no longer knows that. Needs no end: what is
 * not committed leaves nothing behind.
 */
export interface StoreTransaction extends StoreReader {
  /**
   * Write at once, or nothing: false when one of the guarded or the written keys was changed, or guarded while it
   * existed, by a commit since the transaction began: who guards a directory is then seen by who removes it. (That a key
   * was removed which is written without having been read or guarded may go unnoticed.) Also false when a key of
   * `inserts`, which are among the written, exists, whenever it was made. Once. What became of a commit whose answer was
   * lost has been found out when this resolves; rejects `unavailable` when that was not possible.
   */
  commit(guards: readonly Key[], writes: Writes, inserts?: ReadonlySet<Key>): Promise<boolean>
  /** After a commit, if the store can tell. */
  readonly left: Moment | undefined
}

/** Read directly, it shows the newest that is committed, not all of one moment. */
export interface OrderedStore extends StoreReader {
  readonly scheme: string
  /** Without any secret. */
  readonly address: string
  /** Keys that one transaction may guard and write together; absent: as many as anybody has use for. */
  readonly maxKeys?: number
  /** Others are never given any. */
  readonly holdsEmptyValues?: boolean
  /** `on`: there instead of now; the commit may then be false because it writes no other keys than were written there. */
  begin(on?: Moment): Promise<StoreTransaction>
  /** Remove every key of the range; not atomic, and not to be raced by commits. */
  deleteRange(range: KeyRange): Promise<void>
  /** The store's wall clock, Unix milliseconds, where it has one. */
  serverTimeMs?(): Promise<number>
  /** What its state means for its users; servers only. */
  examine?(): Promise<readonly Finding[]>
  close(): Promise<void>
}

/** The key that follows all keys with this prefix. */
export function endOf(prefix: Key): Key {
  for (let k = prefix.length - 1; k >= 0; k--) {
    const code = prefix.charCodeAt(k)
    if (code < 0xff) return prefix.slice(0, k) + String.fromCharCode(code + 1)
  }
  throw new RangeError('no key follows this prefix')
}

/** All keys with this prefix. */
export function under(prefix: Key): KeyRange {
  return { from: prefix, to: endOf(prefix) }
}

/** The key right after this one. */
export function after(key: Key): Key {
  return `${key}\0`
}

/** Pairs of one scan of many. */
const SCAN_BATCH = 1024

/** Every pair of a range that is not large. */
export async function scanAll(reader: StoreReader, { from, to }: KeyRange): Promise<readonly Pair[]> {
  const all: Pair[] = []
  for (let next = from; ; ) {
    const pairs = await reader.scan({ from: next, to }, { limit: SCAN_BATCH })
    for (const pair of pairs) all.push(pair)
    if (pairs.length < SCAN_BATCH) return all
    next = after(pairs.at(-1)!.key)
  }
}
