import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSetting, serializeSetting, type VolumeSetting } from './setting.ts'
import { checkSetting } from './setting-gates.ts'
import { publicSetting, unwrapSecrets, wrapSecret, wrapSecrets } from './setting-secrets.ts'

/** Source: volume-and-objects.md §1.3, 485 bytes. */
const SAMPLE = `{
"Name": "jfstest",
"UUID": "a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d",
"Storage": "minio",
"Tiers": {
"0": {
"ID": 0,
"StorageClass": "",
"Tag": ""
}
},
"Bucket": "http://127.0.0.1:9000/jfs",
"AccessKey": "minioadmin",
"SecretKey": "AAECAwQFBgcICQoLW2Pbx7mmP91KxOGpgCnuOP1AfsKiH112fEd6",
"BlockSize": 4096,
"Compression": "none",
"EncryptAlgo": "aes256gcm-rsa",
"KeyEncrypted": true,
"TrashDays": 1,
"MetaVersion": 1,
"MinClientVersion": "1.1.0-A",
"DirStats": true,
"EnableACL": false
}`

test('the stored text is written back byte for byte', () => {
  assert.equal(Buffer.byteLength(SAMPLE), 485)
  assert.equal(serializeSetting(parseSetting(SAMPLE)), SAMPLE)
})

test('any layout and any case of names is read; unknown members keep their place behind the known ones', () => {
  const text =
    '{"future":{"b":[],"a":[1,{"x":null}],"big":18446744073709551615,"e":1e3},"NAME":"n","uuid":"u","TrashDAYS":7,"capacity":null}'
  const setting = parseSetting(text)
  assert.deepEqual(
    [setting.Name, setting.UUID, setting.TrashDays, setting.Capacity],
    ['n', 'u', 7, undefined],
  )
  const written = serializeSetting(setting)
  assert.ok(
    written.endsWith(
      '"EnableACL": false,\n"future": {\n"b": [],\n"a": [\n1,\n{\n"x": null\n}\n],\n"big": 18446744073709551615,\n"e": 1e3\n}\n}',
    ),
    written,
  )
  assert.deepEqual(serializeSetting(parseSetting(written)), written)
})

test('text is escaped as Go does', () => {
  const setting = { ...parseSetting(SAMPLE), Bucket: 'http://h/?a=1&b=<é>\u2028"\\\n\u0001' }
  const line = serializeSetting(setting)
    .split('\n')
    .find((text) => text.startsWith('"Bucket"'))
  assert.equal(line, '"Bucket": "http://h/?a=1\\u0026b=\\u003cé\\u003e\\u2028\\"\\\\\\n\\u0001",')
})

test('what is no setting is refused without quoting it', () => {
  for (const text of [
    '',
    '[]',
    '{',
    '{"Name":"n"}',
    '{"Name":5,"UUID":"u"}',
    '{"Name":"n","UUID":"u","Tiers":3}',
  ]) {
    assert.throws(() => parseSetting(text), { name: 'Refusal' })
  }
  const broken = SAMPLE.replace('4096', '"4096"').replace('minioadmin', 'topsecret')
  assert.throws(
    () => parseSetting(broken),
    (error: Error) => error.message.includes('BlockSize') && !error.message.includes('topsecret'),
  )
})

test('secrets are wrapped as the vector says, and unwrapped', () => {
  const sample = parseSetting(SAMPLE)
  const nonce = Buffer.from('000102030405060708090a0b', 'hex')
  assert.equal(wrapSecret('mysecretkey', sample, nonce), sample.SecretKey)
  const plain = unwrapSecrets(sample)
  assert.deepEqual(
    [plain.SecretKey, plain.KeyEncrypted, plain.AccessKey],
    ['mysecretkey', false, 'minioadmin'],
  )
  const again = wrapSecrets({ ...plain, SessionToken: 'tóken', EncryptKey: 'PEM\n' })
  assert.notEqual(again.SecretKey, 'mysecretkey')
  assert.equal(again.KeyEncrypted, true)
  assert.deepEqual(
    [unwrapSecrets(again).SecretKey, unwrapSecrets(again).SessionToken, unwrapSecrets(again).EncryptKey],
    ['mysecretkey', 'tóken', 'PEM\n'],
  )
  assert.equal(unwrapSecrets(plain), plain)
  assert.equal(publicSetting(plain).SecretKey, 'removed')
  assert.equal(publicSetting(plain).SessionToken, undefined)
})

test('a removed or damaged secret is refused by name and never quoted', () => {
  const sample = parseSetting(SAMPLE)
  const wrapped = sample.SecretKey!
  for (const SecretKey of [
    'removed',
    'AAEC',
    `B${wrapped.slice(1)}`,
    `${wrapped.slice(0, -1)}7`,
    `${wrapped}!`,
  ]) {
    assert.throws(
      () => unwrapSecrets({ ...sample, SecretKey }),
      (error: Error) => error.message.includes('SecretKey') && !error.message.includes(wrapped.slice(4, 20)),
      SecretKey,
    )
  }
  assert.throws(() => unwrapSecrets({ ...sample, EncryptAlgo: 'sm4gcm' }), /sm4gcm/)
})

test('a setting is refused by the name and value of what is not known here', () => {
  const sample = parseSetting(SAMPLE)
  const refusals: readonly [Partial<VolumeSetting>, RegExp][] = [
    [{ MetaVersion: 2 }, /MetaVersion 2/],
    [{ MinClientVersion: '1.5.0-A' }, /MinClientVersion "1.5.0-A"/],
    [{ MinClientVersion: '1.4.3' }, /MinClientVersion/],
    [{ MaxClientVersion: '1.4.1' }, /MaxClientVersion "1.4.1"/],
    [{ MaxClientVersion: 'one' }, /MaxClientVersion "one".*no version/],
    [{ MinClientVersion: '1.2.3.4' }, /MinClientVersion/],
    [{ Storage: 'cos' }, /Storage "cos"/],
    [{ Compression: 'brotli' }, /Compression "brotli"/],
    [{ EncryptAlgo: 'sm4gcm' }, /EncryptAlgo "sm4gcm"/],
    [{ EncryptAlgo: 'new', EncryptKey: 'x', KeyEncrypted: false }, /EncryptAlgo "new"/],
    [{ ChangeLog: true }, /ChangeLog true/],
    [{ BlockSize: 0 }, /BlockSize 0/],
  ]
  for (const [change, message] of refusals)
    assert.throws(
      () => checkSetting({ ...sample, ...change }, { readOnly: false }),
      (error: Error & { next?: string }) => message.test(error.message) && error.next !== undefined,
      JSON.stringify(change),
    )
  const fine: readonly Partial<VolumeSetting>[] = [
    {},
    { MetaVersion: 0 },
    { MinClientVersion: '1.4.2-A', MaxClientVersion: '1.4.2' },
    { MinClientVersion: '1.4.2' },
    { Compression: 'LZ4', Storage: 'S3' },
    { EncryptAlgo: 'sm4gcm', KeyEncrypted: false },
  ]
  for (const change of fine) assert.deepEqual(checkSetting({ ...sample, ...change }, { readOnly: false }), [])
  assert.deepEqual(checkSetting({ ...sample, ChangeLog: true }, { readOnly: true }), [])
  assert.equal(checkSetting({ ...sample, KerbConf: 'x' }, { readOnly: false }).length, 1)
  assert.deepEqual(checkSetting({ ...sample, Storage: 'cos' }, { readOnly: false, storage: 'file' }), [])
})
