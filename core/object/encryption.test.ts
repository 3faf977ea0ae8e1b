import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { FileObjectStore } from './file.ts'
import { MemoryObjectStore } from './memory.ts'
import { seal, sealStream, unseal, unsealStream } from './sealed-object.ts'
import { failsWith, pieces, randomBytes, storeSuite } from './store.suite.ts'
import { gathered } from './streams.ts'
import { fixturesDir } from './test-fixtures.ts'
import { type AeadName, parseVolumeKey, type VolumeKey } from './volume-key.ts'
import { withEncryption } from './with-encryption.ts'
import { withPrefix } from './with-prefix.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const plainPem = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string

storeSuite('encrypted', async () => withEncryption(new MemoryObjectStore(), { keyPem: plainPem }))
storeSuite('encrypted chacha20', async () =>
  withEncryption(new MemoryObjectStore(), { keyPem: plainPem, algorithm: 'chacha20-rsa' }),
)

/** The throw-away key of volume-and-objects.md §5.3. */
function specKey(aead: AeadName): VolumeKey {
  const p =
    0xf577d95ed7a8702144af65b7406a0689809560bdb6d01327ae9da4d7151bfa580f94b7209a129168fe8011268db7f548ce49ed8df29beb7e2561e3c5b9e2e54bn
  const q =
    0xc6dc5857b081ce48d8a9fde3c365c9407663f1cbbff8caa107752ea30bf0467c8f14852fbf4dbb1bbce02f2d3f64f4582ff2c7dc97221b6d82564f9732d5e289n
  const d = inverse(65537n, (p - 1n) * (q - 1n))
  const numbers = { n: p * q, e: 65537n, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) }
  const jwk = Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, base64url(value)]))
  const privateKey = createPrivateKey({ key: { kty: 'RSA', ...jwk }, format: 'jwk' })
  return { privateKey, publicKey: createPublicKey(privateKey), aead }
}

function inverse(a: bigint, modulus: bigint): bigint {
  let [r0, r1, t0, t1] = [modulus, a % modulus, 0n, 1n]
  while (r1 !== 0n) [r0, r1, t0, t1] = [r1, r0 % r1, t1, t0 - (r0 / r1) * t1]
  return ((t0 % modulus) + modulus) % modulus
}

function base64url(value: bigint): string {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex').toString('base64url')
}

const SPEC_OBJECT = Buffer.from(
  '00800c1694f563ec3011f4672882e3341cdb517cc4d700ad39eb3bad6e4115bb156be532748b06ece7add64fd997ee94' +
    'e26065054710f2152f5fd8abd54fd5d9d9b67dc18f77b739d91afb47f535b4c872633a16747b3b36998ef224d3fa83f65d' +
    '7d2614900c18fe7721d1889f8dc92fd9fae087ea6ddc001c82c8f69d804f5ea85bf8a0a1a2a3a4a5a6a7a8a9aaab8e7d10' +
    '412aeb68ca0b06e2b5745aa2b21fcf32ca42ffd296f319752c66fe3b974dc7d5',
  'hex',
)

test('the object of the specification unseals', () => {
  assert.equal(unseal(specKey('aes-256-gcm'), SPEC_OBJECT).toString(), 'hello juicefs block')
})

test('sealing gives the layout and the ciphertexts of the specification', () => {
  const dataKey = Uint8Array.from({ length: 32 }, (_, n) => n)
  const nonce = Uint8Array.from({ length: 12 }, (_, n) => 0xa0 + n)
  const bodies = {
    'aes-256-gcm': '8e7d10412aeb68ca0b06e2b5745aa2b21fcf32ca42ffd296f319752c66fe3b974dc7d5',
    'chacha20-poly1305': '64ce143322c6a8d8c96c96728fda9f97f23db8712896a95ad1cdd45fb40ed79ab38b50',
  } as const
  for (const aead of ['aes-256-gcm', 'chacha20-poly1305'] as const) {
    const key = specKey(aead)
    const sealed = Buffer.concat(
      seal(key, [Buffer.from('hello juicefs'), Buffer.from(' block')], dataKey, nonce),
    )
    assert.equal(sealed.length, SPEC_OBJECT.length)
    assert.equal(sealed.subarray(0, 3).toString('hex'), '00800c')
    assert.equal(sealed.subarray(131).toString('hex'), `a0a1a2a3a4a5a6a7a8a9aaab${bodies[aead]}`)
    assert.equal(unseal(key, sealed).toString(), 'hello juicefs block')
  }
})

const streamed = async (sealed: Uint8Array, key: VolumeKey, size: number): Promise<Buffer> =>
  Buffer.concat(await gathered(unsealStream(key, pieces(sealed, size))))

test('streams seal and unseal to the same, cut anywhere', async () => {
  const key = specKey('aes-256-gcm')
  for (let size = 1; size <= SPEC_OBJECT.length; size++)
    assert.equal((await streamed(SPEC_OBJECT, key, size)).toString(), 'hello juicefs block', `${size}`)
  for (const length of [0, 1, 15, 16, 17, 100_000]) {
    const bytes = randomBytes(length)
    const sealed = Buffer.concat(await gathered(sealStream(key, pieces(bytes, 1000))))
    assert.ok(bytes.equals(unseal(key, sealed)), `${length}`)
    assert.ok(bytes.equals(await streamed(sealed, key, 777)), `${length}`)
  }
})

test('of a stream any flipped byte, a cut or another key is corrupt', async () => {
  const key = specKey('aes-256-gcm')
  for (let at = 0; at < SPEC_OBJECT.length; at++) {
    const bad = Buffer.from(SPEC_OBJECT)
    bad[at]! ^= 1
    await assert.rejects(streamed(bad, key, 50), failsWith('corrupt'), `byte ${at}`)
  }
  for (const length of [0, 2, 3, 100, 143, 158, 177])
    await assert.rejects(
      streamed(SPEC_OBJECT.subarray(0, length), key, 50),
      failsWith('corrupt'),
      `${length}`,
    )
  await assert.rejects(streamed(SPEC_OBJECT, parseVolumeKey({ keyPem: plainPem }), 50), failsWith('corrupt'))
})

test('any flipped byte, a cut or another key is corrupt', () => {
  const key = specKey('aes-256-gcm')
  for (let at = 0; at < SPEC_OBJECT.length; at++) {
    const bad = Buffer.from(SPEC_OBJECT)
    bad[at]! ^= 1
    assert.throws(() => unseal(key, bad), failsWith('corrupt'), `byte ${at}`)
  }
  for (const length of [0, 2, 3, 100, 143, 158, 177]) {
    assert.throws(() => unseal(key, SPEC_OBJECT.subarray(0, length)), failsWith('corrupt'), `${length} bytes`)
  }
  assert.throws(() => unseal(parseVolumeKey({ keyPem: plainPem }), SPEC_OBJECT), failsWith('corrupt'))
})

test('an object is 287 bytes longer with RSA-2048, and every one has its own key', async () => {
  const inner = new MemoryObjectStore()
  const store = withEncryption(inner, { keyPem: plainPem })
  for (const size of [0, 1, 65536, 100_000]) {
    await store.put('a', [Buffer.alloc(size)])
    await store.put('b', [Buffer.alloc(size)])
    const [a, b] = [await inner.get('a'), await inner.get('b')]
    assert.equal(a.length, size + 287)
    assert.ok(!Buffer.from(a).subarray(3, 30).equals(b.subarray(3, 30)))
  }
  inner.objects.get('a')!.bytes[400]! ^= 1
  await assert.rejects(store.get('a'), failsWith('corrupt'))
  store.close()
  await assert.rejects(store.get('b'), failsWith('closed'))
})

test('a large plain backup of the reference is readable, a plain block is not', async () => {
  const inner = new MemoryObjectStore()
  const store = withEncryption(inner, { keyPem: plainPem })
  const gzip = Buffer.concat([Buffer.from('1f8b0800', 'hex'), randomBytes(20_000)])
  await inner.put('meta/dump-2026-01-02-030405.json.gz', [gzip])
  await inner.put('chunks/0/0/1_0_5', [gzip])
  assert.ok(gzip.equals(await store.get('meta/dump-2026-01-02-030405.json.gz')))
  const stream = store.getStream('meta/dump-2026-01-02-030405.json.gz')
  assert.ok(gzip.equals(Buffer.concat(await gathered(stream))))
  await assert.rejects(gathered(store.getStream('chunks/0/0/1_0_5')), failsWith('corrupt'))
  await assert.rejects(store.get('chunks/0/0/1_0_5'), failsWith('corrupt'))
  store.close()
})

test('many objects at a time come out right, and closing fails what is waiting', async () => {
  const store = withEncryption(new MemoryObjectStore(), { keyPem: plainPem })
  const bytes = Array.from({ length: 12 }, (_, n) => randomBytes(n % 2 ? 1000 : 200_000, n))
  await Promise.all(bytes.map((block, n) => store.put(`k${n}`, [block])))
  await Promise.all(bytes.map(async (block, n) => assert.ok(block.equals(await store.get(`k${n}`)))))
  const waiting = assert.rejects(store.get('k0'), failsWith('closed'))
  await new Promise((resolve) => setImmediate(resolve))
  store.close()
  await waiting
})

test('every PEM form is read with its passphrase; a missing or wrong one is named', () => {
  const cipher = { cipher: 'aes-256-cbc', passphrase: 'right' } as const
  const forms: readonly [string, boolean][] = [
    [rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }) as string, false],
    [plainPem, false],
    [rsa.privateKey.export({ type: 'pkcs1', format: 'pem', ...cipher }) as string, true],
    [rsa.privateKey.export({ type: 'pkcs8', format: 'pem', ...cipher }) as string, true],
  ]
  const isSame = (key: KeyObject): boolean => key.equals(rsa.privateKey)
  for (const [keyPem, isProtected] of forms) {
    assert.ok(isSame(parseVolumeKey({ keyPem, passphrase: 'right' }).privateKey))
    const withMore = `some text\n${keyPem}${plainPem}`
    assert.ok(isSame(parseVolumeKey({ keyPem: withMore, passphrase: 'right' }).privateKey))
    for (const passphrase of ['wrong', '', undefined]) {
      const open = (): VolumeKey => parseVolumeKey({ keyPem, passphrase })
      if (isProtected)
        assert.throws(open, (e: Error) => failsWith('denied')(e) && /JFS_RSA_PASSPHRASE/.test(e.message))
      else assert.ok(isSame(open().privateKey))
    }
  }
})

test('keys and algorithms that are not supported are refused', () => {
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  })
  const refused = failsWith('invalid')
  assert.throws(() => parseVolumeKey({ keyPem: curve as string }), refused)
  assert.throws(() => parseVolumeKey({ keyPem: 'no key' }), refused)
  assert.throws(() => parseVolumeKey({ keyPem: plainPem.replace(/\n..../, '\n????') }), refused)
  assert.throws(() => parseVolumeKey({ keyPem: plainPem, algorithm: 'sm4gcm' }), /sm4gcm/)
})

for (const [name, algorithm] of [
  ['sqlite-encrypted', 'aes256gcm-rsa'],
  ['sqlite-encrypted-chacha20', 'chacha20-rsa'],
] as const) {
  const folder = join(fixturesDir, name)
  const skip = !existsSync(folder) && `fixture ${name} is not here`
  test(`objects of the reference client decrypt: ${name}`, { skip }, async () => {
    const keyPem = gunzipSync(readFileSync(join(folder, 'key.pem.gz'))).toString()
    const data = withPrefix(new FileObjectStore(`${folder}/data/`), `fx-${name}/`)
    assert.throws(() => withEncryption(data, { keyPem, passphrase: 'guess', algorithm }), failsWith('denied'))
    const store = withEncryption(data, { keyPem, passphrase: 'fixture-only', algorithm })
    assert.match(Buffer.from(await store.get('juicefs_uuid')).toString(), /^[0-9a-f-]{36}$/)
    const keys = readdirSync(join(folder, 'data', `fx-${name}`, 'chunks/0/0'))
    assert.equal(keys.length, 10)
    for (const key of keys) {
      const size = Number(key.split('_')[2])
      const raw = Buffer.from(await store.get(`chunks/0/0/${key}`))
      assert.equal(raw.length, size, key)
      if (key === '1_0_1') assert.equal(raw.toString(), 'a')
      if (key === '5_0_7') assert.equal(raw.toString(), 'secret\n')
      if (key === '7_0_5') assert.equal(raw.toString(), 'PATCH')
    }
    store.close()
  })
}
