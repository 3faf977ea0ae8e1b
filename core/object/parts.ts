/** Byte lists: what `put` takes, and how they become one. */

/** Bytes in all parts together. */
export function totalLength(parts: readonly Uint8Array[]): number {
  let total = 0
  for (const part of parts) total += part.length
  return total
}

/** The concatenation; a view of the part itself when there is only one. */
export function joinParts(parts: readonly Uint8Array[]): Buffer {
  return parts.length === 1 ? asBuffer(parts[0]!) : Buffer.concat(parts)
}

/** The same memory as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
