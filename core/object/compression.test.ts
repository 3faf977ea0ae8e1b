import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import { BackendError } from '#core/base/errno.ts'
import { below, seededRandom } from '#core/base/random.ts'
import { blockCodec } from './compression.ts'
import { fixturesDir } from './test-fixtures.ts'

const lz4 = blockCodec('lz4')
const zstd = blockCodec('ZSTD')
const hex = (text: string): Buffer => Buffer.from(text, 'hex')
const isCorrupt = (error: unknown): boolean => error instanceof BackendError && error.kind === 'corrupt'

/** Raw block, LZ4 payload, zstd payload. Source: volume-and-objects.md §4. */
const VECTORS: readonly [string, string, string][] = [
  ['a', '1061', '28b52ffd200109000061'],
  ['hello world', 'b068656c6c6f20776f726c64', '28b52ffd200b59000068656c6c6f20776f726c64'],
  ['a'.repeat(13), '13610100506161616161', '28b52ffd200d450000106161010006c002'],
  ['a'.repeat(64), '1f61010027506161616161', '28b52ffd20404500001061610100930016'],
  [
    'abcdefgh'.repeat(8),
    '8f6162636465666768080020506465666768',
    '28b52ffd20407500004061626364656667680100dd59b8',
  ],
  ['\0'.repeat(300), '1f000100ff14500000000000', '28b52ffd602c004d00001000000100272ac002'],
]

test('payloads of the specification decode to their blocks', async () => {
  for (const [raw, block, frame] of VECTORS) {
    assert.equal(Buffer.from(await lz4.decompress(hex(block), raw.length)).toString(), raw)
    assert.equal(Buffer.from(await zstd.decompress(hex(frame), raw.length)).toString(), raw)
  }
})

test('zstd payloads are the bytes of the specification: one frame with content size', async () => {
  for (const [raw, , frame] of VECTORS) {
    assert.equal(Buffer.concat(await zstd.compress([Buffer.from(raw)])).toString('hex'), frame)
  }
  const zeros = Buffer.concat(await zstd.compress([Buffer.alloc(4 << 20)]))
  assert.equal(zeros.subarray(0, 9).toString('hex'), '28b52ffd8048000040')
})

test('a payload that decodes to fewer or more bytes than the block is corrupt', async () => {
  for (const [raw, block, frame] of VECTORS) {
    for (const size of [raw.length - 1, raw.length + 1].filter((n) => n > 0)) {
      await assert.rejects(lz4.decompress(hex(block), size), isCorrupt)
      await assert.rejects(zstd.decompress(hex(frame), size), isCorrupt)
    }
  }
  for (const codec of [lz4, zstd]) await assert.rejects(codec.decompress(Buffer.alloc(0), 1), isCorrupt)
  await assert.rejects(blockCodec('none').decompress(Buffer.alloc(4), 5), isCorrupt)
})

test('zstd takes concatenated and skippable frames, a checksum, no content size; not trailing bytes', async () => {
  const one = '28b52ffd200b59000068656c6c6f20776f726c64'
  const skip = '5a2a4d1803000000616263'
  const open = zstdCompressSync(Buffer.from('hello world'), { params: { 201: 1 } }).toString('hex')
  const text = async (payload: string, size: number): Promise<string> =>
    Buffer.from(await zstd.decompress(hex(payload), size)).toString()
  assert.equal(await text(one + one, 22), 'hello worldhello world')
  assert.equal(await text(skip + one + skip, 11), 'hello world')
  assert.equal(await text(open, 11), 'hello world')
  for (const junk of ['00', '0011223344556677', '28b52ffd', one.slice(0, -2), skip.slice(0, -2)]) {
    await assert.rejects(zstd.decompress(hex(one + junk), 11), isCorrupt, junk)
  }
  await assert.rejects(zstd.decompress(hex(one + one), 11), isCorrupt)
  await assert.rejects(zstd.decompress(hex(skip), 11), isCorrupt)
})

test('bounds are those of the specification', () => {
  assert.deepEqual([0, 1, 65536, 4194304].map(lz4.bound), [16, 17, 65809, 4210768])
  assert.deepEqual([0, 1, 65536, 4194304].map(zstd.bound), [64, 64, 65824, 4210688])
})

test('blocks of any size and texture come back, and LZ4 payloads obey the end rules', async () => {
  const random = seededRandom(7)
  for (const size of [1, 4, 12, 13, 20, 4096, 16384, 16385, 70_000, 1 << 20, 4 << 20]) {
    for (const alphabet of [1, 3, 256]) {
      const raw = Uint8Array.from({ length: size }, () => below(random, alphabet))
      const cut = below(random, size)
      for (const codec of [lz4, zstd, blockCodec('')]) {
        const payload = Buffer.concat(await codec.compress([raw.subarray(0, cut), raw.subarray(cut)]))
        if (codec === lz4) checkLz4Ends(payload, size)
        const back = await codec.decompress(payload, size)
        assert.ok(Buffer.from(back).equals(raw), `${codec.name} ${size} ${alphabet}`)
      }
    }
  }
})

/** Walks the sequences of a block: the last five bytes literal, no match starting in the last twelve (§4 rule 4). */
function checkLz4Ends(block: Uint8Array, size: number): void {
  let at = 0
  let out = 0
  const extended = (nibble: number): number => {
    let length = nibble
    if (nibble === 15) for (let byte = 255; byte === 255; length += byte) byte = block[at++]!
    return length
  }
  for (;;) {
    const token = block[at++]!
    const literals = extended(token >> 4)
    at += literals
    out += literals
    if (at === block.length) {
      assert.equal(out, size)
      assert.ok(literals >= Math.min(5, size))
      return
    }
    const offset = block[at]! | (block[at + 1]! << 8)
    at += 2
    assert.ok(offset > 0 && offset <= out)
    assert.ok(out <= size - 12, 'match starts in the last twelve bytes')
    out += extended(token & 15) + 4
  }
}

test('an unknown compression is refused by name', () => {
  assert.throws(() => blockCodec('brotli'), /brotli/)
})

for (const name of ['lz4', 'zstd'] as const) {
  const folder = join(fixturesDir, `sqlite-${name}`, 'data', `fx-sqlite-${name}`, 'chunks/0/0')
  const skip = !existsSync(folder) && `fixture sqlite-${name} is not here`
  test(`objects of the reference client written with ${name} decode`, { skip }, async () => {
    const codec = blockCodec(name)
    const keys = readdirSync(folder)
    assert.equal(keys.length, 9)
    for (const key of keys) {
      const size = Number(key.split('_')[2])
      const raw = Buffer.from(await codec.decompress(readFileSync(join(folder, key)), size))
      assert.equal(raw.length, size)
      if (size === 1) assert.equal(raw.toString(), 'a')
      if (size === 11) assert.equal(raw.toString(), 'hello world')
      if (size === 200_000) assert.match(raw.toString(), /^(The quick brown fox[^\n]*\n)+The qui/)
    }
  })
}
