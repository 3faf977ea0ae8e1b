/**
 * Content of a block object: the raw block through one codec, named only by the volume's setting. Payloads
 * carry no header of ours. Source: shared/spec/volume-and-objects.md §4.
 *
 * LZ4 is a bare block; lz4-napi (lz4_flex) puts the raw length in four little-endian bytes before it, which are
 * taken off on the way out and put back on the way in. Zstandard is Node's own. Work on more than INLINE bytes
 * is done in libuv's thread pool.
 */
import { promisify } from 'node:util'
import { constants, zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync } from 'node:zlib'
import { compressSync, compress as lz4Compress, uncompress, uncompressSync } from 'lz4-napi'
import { BackendError } from '#core/base/errno.ts'
import { joinParts } from './parts.ts'
import { zstdFrames } from './zstd-frames.ts'

export type CompressionName = 'none' | 'lz4' | 'zstd'

export interface BlockCodec {
  readonly name: CompressionName
  /** The most payload bytes a reader takes for a raw block of `size` bytes; 0 for `none`, which adds nothing. */
  bound(size: number): number
  /** Payload of the raw block that is the concatenation of `parts`; never more than `bound`. May view `parts`. */
  compress(parts: readonly Uint8Array[]): Promise<readonly Uint8Array[]>
  /** The raw block of exactly `size` bytes. May view `payload`. Errors: BackendError `corrupt`. */
  decompress(payload: Uint8Array, size: number): Promise<Uint8Array>
}

/** Up to this many raw bytes the thread hop costs more than the work. */
const INLINE = 16 * 1024
const LZ4_PREFIX = 4

/** The codec of a setting's `Compression`, in any case; empty is `none`. Errors: BackendError `invalid`. */
export function blockCodec(name: string): BlockCodec {
  switch (name.toLowerCase()) {
    case '':
    case 'none':
      return none
    case 'lz4':
      return lz4
    case 'zstd':
      return zstd
    default:
      throw new BackendError('invalid', `unknown compression "${name}" (known: none, lz4, zstd)`)
  }
}

const none: BlockCodec = {
  name: 'none',
  bound: () => 0,
  compress: async (parts) => parts,
  async decompress(payload, size) {
    if (payload.length < size) throw wrongLength('block', payload.length, size)
    return payload.length === size ? payload : payload.subarray(0, size)
  },
}

const lz4: BlockCodec = {
  name: 'lz4',
  bound: (size) => size + Math.floor(size / 255) + 16,
  async compress(parts) {
    const raw = joinParts(parts)
    const prefixed = raw.length <= INLINE ? compressSync(raw) : await lz4Compress(raw)
    return [within(this, prefixed.subarray(LZ4_PREFIX), raw.length)]
  },
  async decompress(payload, size) {
    if (payload.length === 0) throw new BackendError('corrupt', 'lz4: empty object')
    const body = payload.subarray(0, this.bound(size))
    const prefixed = Buffer.allocUnsafe(LZ4_PREFIX + body.length)
    prefixed.writeUInt32LE(size)
    prefixed.set(body, LZ4_PREFIX)
    try {
      const raw = size <= INLINE ? uncompressSync(prefixed) : await uncompress(prefixed)
      if (raw.length !== size) throw wrongLength('lz4', raw.length, size)
      return raw
    } catch (cause) {
      throw asCorrupt('lz4', cause)
    }
  },
}

const zstdCompressAsync = promisify(zstdCompress)
const zstdDecompressAsync = promisify(zstdDecompress)

const zstd: BlockCodec = {
  name: 'zstd',
  bound: (size) => size + Math.floor(size / 256) + (size < 131072 ? Math.floor((131072 - size) / 2048) : 0),
  async compress(parts) {
    const raw = joinParts(parts)
    const options = {
      params: { [constants.ZSTD_c_compressionLevel]: 1 },
      pledgedSrcSize: raw.length,
      // Room for the whole frame and more, so that one call fills it.
      chunkSize: this.bound(raw.length) + 64,
    }
    const frame =
      raw.length <= INLINE ? zstdCompressSync(raw, options) : await zstdCompressAsync(raw, options)
    return [within(this, frame, raw.length)]
  },
  async decompress(payload, size) {
    if (payload.length === 0) throw new BackendError('corrupt', 'zstd: empty object')
    try {
      const raws: Uint8Array[] = []
      let left = size
      // Node decodes the first frame and drops the rest without a word, so the frames are told apart here.
      for (const frame of zstdFrames(payload)) {
        const options = { maxOutputLength: Math.max(left, 1), chunkSize: Math.max(left + 1, 64) }
        const raw =
          size <= INLINE ? zstdDecompressSync(frame, options) : await zstdDecompressAsync(frame, options)
        if (raw.length > left) throw wrongLength('zstd', size - left + raw.length, size)
        raws.push(raw)
        left -= raw.length
      }
      if (left > 0) throw wrongLength('zstd', size - left, size)
      return joinParts(raws)
    } catch (cause) {
      throw asCorrupt('zstd', cause)
    }
  },
}

function within(codec: BlockCodec, payload: Buffer, size: number): Uint8Array {
  if (payload.length <= codec.bound(size)) return payload
  throw new BackendError('corrupt', `${codec.name}: ${payload.length} bytes for a block of ${size}`)
}

function wrongLength(codec: string, actual: number, expected: number): BackendError {
  return new BackendError('corrupt', `${codec}: decodes to ${actual} bytes, not ${expected}`)
}

function asCorrupt(codec: string, cause: unknown): BackendError {
  if (cause instanceof BackendError) return cause
  return new BackendError('corrupt', `${codec}: ${cause instanceof Error ? cause.message : cause}`, { cause })
}
