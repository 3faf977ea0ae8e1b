/**
 * Records by key. One record that is one value, and any number of nodes, are plain commands; everything else is one run
 * of lua/read.ts, so a call is one round trip and sees one moment.
 */
import type { RecordKey, RecordValue } from '#core/meta/engine.ts'
import type { RedisClient } from './client.ts'
import type { Layout } from './layout.ts'
import type { FetchOp } from './lua/fetch.ts'
import { READ } from './lua/read.ts'
import type { Reply } from './replies.ts'
import { Script } from './script.ts'
import { decodeNodeValue, decodeRecord, type ValueSink, valueCount, valuesOf } from './stored.ts'
import { asList } from './values.ts'
import { encodeCommand, type Word } from './wire.ts'

const read = new Script(READ)
/** Records of one run of the script; more are several runs in the same trip, so that none holds up the server. */
const MAX_RUN = 200
/** Nodes of one MGET. */
const MAX_NODES = 4096

/** Commands that bring one value by itself. */
const COMMANDS: Readonly<Record<FetchOp, readonly [name: string, ...after: string[]]>> = {
  G: ['GET'],
  H: ['HGET'],
  L: ['LRANGE', '0', '-1'],
  M: ['HGETALL'],
  Z: ['ZSCORE'],
  N: ['HLEN'],
}

/** The values of some records: what the script is asked for. */
class ValueList implements ValueSink {
  ops = ''
  readonly keys: string[] = []
  readonly args: Word[] = ['', '']

  value(op: FetchOp | 'E', key: string, field?: Word): void {
    this.ops += op
    this.keys.push(key)
    if (field !== undefined) this.args.push(field)
  }
}

/** Read the records in one round trip. @hot */
export async function readRecords(
  client: RedisClient,
  layout: Layout,
  keys: readonly RecordKey[],
): Promise<RecordValue[]> {
  if (keys.length > 1 && keys.every(({ kind }) => kind === 'node')) return readNodes(client, layout, keys)
  if (keys.length <= MAX_RUN) return readRun(client, layout, keys)
  const runs: Promise<RecordValue[]>[] = []
  for (let at = 0; at < keys.length; at += MAX_RUN)
    runs.push(readRun(client, layout, keys.slice(at, at + MAX_RUN)))
  return (await Promise.all(runs)).flat()
}

async function readRun(
  client: RedisClient,
  layout: Layout,
  keys: readonly RecordKey[],
): Promise<RecordValue[]> {
  const list = new ValueList()
  for (let k = 0; k < keys.length; k++) valuesOf(layout, keys[k]!, list)
  const { ops } = list
  if (ops.length === 0) return []
  if (ops.length === 1 && ops !== 'E') return [decodeRecord(keys[0]!, [await readValue(client, list)])]
  list.args[0] = ops
  list.args[1] = layout.prefix
  const replies = asList(await read.run(client, list.keys, list.args))
  const records = new Array<RecordValue>(keys.length)
  for (let k = 0, at = 0; k < keys.length; k++) {
    records[k] = decodeRecord(keys[k]!, replies, at)
    at += valueCount(layout, keys[k]!)
  }
  return records
}

function readValue(client: RedisClient, { ops, keys, args }: ValueList): Promise<Reply> {
  const [name, ...after] = COMMANDS[ops as FetchOp]
  return client.send(encodeCommand(name, keys[0]!, args.slice(2), after))
}

async function readNodes(
  client: RedisClient,
  layout: Layout,
  keys: readonly RecordKey[],
): Promise<RecordValue[]> {
  const names = keys.map((key) => (key.kind === 'node' ? layout.node(key.ino) : ''))
  return (await getMany(client, names)).map(decodeNodeValue)
}

/** String values of many keys in one round trip. */
export async function getMany(client: RedisClient, names: readonly string[]): Promise<readonly Reply[]> {
  const parts: Promise<Reply>[] = []
  for (let at = 0; at < names.length; at += MAX_NODES)
    parts.push(client.send(encodeCommand('MGET', names.slice(at, at + MAX_NODES))))
  return (await Promise.all(parts)).flatMap(asList)
}
