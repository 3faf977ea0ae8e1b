/**
 * Where the Zstandard frames of a payload begin and end, without decoding them.
 * Source: RFC 8878 §3.1; which payloads count as good: shared/spec/volume-and-objects.md §4 rule 5.
 */
import { BackendError } from '#core/base/errno.ts'

const MAGIC = 0xfd2fb528
/** Skippable frames have any of 16 magics. */
const SKIPPABLE = 0x184d2a50
const RLE_BLOCK = 1
const RESERVED_BLOCK = 3

/** Each frame as a view, skippable ones left out. Errors: BackendError `corrupt` for bytes that are no frame. */
export function* zstdFrames(payload: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  for (let at = 0; at < payload.length; ) {
    if (at + 8 > payload.length) throw bad('bytes after the last frame')
    const magic = view.getUint32(at, true)
    const isData = magic === MAGIC
    if (!isData && (magic & ~15) >>> 0 !== SKIPPABLE)
      throw bad(at === 0 ? 'no frame' : 'bytes after the last frame')
    const end = isData ? dataFrameEnd(payload, at) : at + 8 + view.getUint32(at + 4, true)
    if (end > payload.length) throw bad('cut off')
    if (isData) yield payload.subarray(at, end)
    at = end
  }
}

function dataFrameEnd(bytes: Uint8Array, start: number): number {
  const descriptor = bytes[start + 4]!
  const singleSegment = (descriptor >> 5) & 1
  const window = 1 - singleSegment
  const dictionary = [0, 1, 2, 4][descriptor & 3]!
  const contentSize = [singleSegment, 2, 4, 8][descriptor >> 6]!
  let at = start + 5 + window + dictionary + contentSize
  for (let last = 0; last === 0; ) {
    if (at + 3 > bytes.length) throw bad('cut off')
    const header = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)
    const type = (header >> 1) & 3
    if (type === RESERVED_BLOCK) throw bad('reserved block type')
    last = header & 1
    at += 3 + (type === RLE_BLOCK ? 1 : header >> 3)
  }
  return at + ((descriptor >> 2) & 1) * 4
}

function bad(what: string): BackendError {
  return new BackendError('corrupt', `zstd: ${what}`)
}
