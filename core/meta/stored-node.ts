/**
 * Node records of engines that keep them packed (records-codec.ts): between the bytes that are stored and the record.
 * Source: shared/spec/meta-records.md §2.
 */
import type { NodeRecord } from './records.ts'
import { decodeNode, encodeNode } from './records-codec.ts'

const PLAIN_BYTES = 72
/** High words of seconds that a JS number counts exactly. */
const MOST_HIGH = 2 ** 20

/**
 * A node as stored. `raw` stays with it only when encoding the fields would not give the same bytes, as a copy: bytes
 * may view a driver's read buffer, which must not be kept. @hot
 */
export function nodeFrom(bytes: Buffer): NodeRecord {
  const node: { -readonly [K in keyof NodeRecord]: NodeRecord[K] } = decodeNode(bytes)
  node.raw =
    isPlain(bytes) || encodeNode({ ...node, raw: undefined }).equals(bytes) ? undefined : Buffer.from(bytes)
  return node
}

/** The usual form: no ACL, no tier, times of this age of the universe. */
function isPlain(b: Buffer): boolean {
  return (
    b.length === PLAIN_BYTES && b[71] === 0 && hasSaneTime(b, 11) && hasSaneTime(b, 23) && hasSaneTime(b, 35)
  )
}

function hasSaneTime(b: Buffer, at: number): boolean {
  const high = b.readInt32BE(at)
  return high < MOST_HIGH && high >= -MOST_HIGH
}

/**
 * The bytes that are stored if the node is as given. A record that some other writer encoded in its own way is itself,
 * as long as the fields are still those that were read from it.
 */
export function storedNode(node: NodeRecord): Uint8Array {
  const encoded = encodeNode(node)
  const { raw } = node
  if (raw === undefined || encoded.equals(raw)) return encoded
  return encodeNode(decodeNode(raw)).equals(encoded) ? raw : encoded
}
