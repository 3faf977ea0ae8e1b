/** Commands of the lists: each call is one round trip, of one command or of many at once. */
import type { RedisClient } from './client.ts'
import { getMany } from './read.ts'
import type { Reply } from './replies.ts'
import { asList, asText } from './values.ts'
import { encodeCommand, type Word } from './wire.ts'

/** Runs commands that may be sent twice, and counts the trip. */
export type Ask = <T>(work: (client: RedisClient) => Promise<T>) => Promise<T>

/** Keys looked at by one SCAN, fields by one HSCAN: some milliseconds of the server's time. */
const SCAN_KEYS = 4000
const SCAN_FIELDS = 2000

export class Asker {
  readonly ask: Ask

  constructor(ask: Ask) {
    this.ask = ask
  }

  command(name: string, ...words: readonly Word[]): Promise<Reply> {
    return this.ask((client) => command(client, name, ...words))
  }

  /** One command for each item. */
  each<T>(items: readonly T[], words: (item: T) => readonly [string, ...Word[]]): Promise<readonly Reply[]> {
    if (items.length === 0) return Promise.resolve([])
    return this.ask((client) => Promise.all(items.map((item) => command(client, ...words(item)))))
  }

  /** String values. */
  values(keys: readonly string[]): Promise<readonly Reply[]> {
    return keys.length === 0 ? Promise.resolve([]) : this.ask((client) => getMany(client, keys))
  }

  /** Whole lists. */
  lists(keys: readonly string[]): Promise<readonly Reply[]> {
    return this.each(keys, (key) => ['LRANGE', key, '0', '-1'])
  }

  /** A batch of a hash or set, at a position that the batch before gave ('' first). */
  scan(name: 'HSCAN' | 'SSCAN', key: string, position: string): Promise<Scanned> {
    return this.#scan(name, key, position === '' ? '0' : position, 'COUNT', String(SCAN_FIELDS))
  }

  /** A batch of the keys that match. */
  scanKeys(pattern: string, position: string): Promise<Scanned> {
    const cursor = position === '' ? '0' : position
    return this.#scan('SCAN', cursor, 'MATCH', pattern, 'COUNT', String(SCAN_KEYS))
  }

  async #scan(name: string, ...words: readonly string[]): Promise<Scanned> {
    const [next, found] = asList(await this.command(name, ...words))
    const at = asText(next!)
    return { next: at === '0' ? undefined : at, found: asList(found) }
  }
}

export interface Scanned {
  /** Absent at the end. */
  readonly next: string | undefined
  readonly found: readonly Reply[]
}

export function command(client: RedisClient, name: string, ...words: readonly Word[]): Promise<Reply> {
  return client.send(encodeCommand(name, words))
}

/** A flat list of pairs: fields and values, members and scores. */
export function inPairs<T>(list: readonly Reply[], make: (first: Reply, second: Reply) => T): T[] {
  const out: T[] = []
  for (let k = 0; k < list.length; k += 2) out.push(make(list[k]!, list[k + 1]!))
  return out
}
