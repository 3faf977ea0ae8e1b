import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nameFromBytes, nameFromText } from '#core/base/name.ts'
import { seededRandom } from '#core/base/random.ts'
import { escapeBytes, escapeName, unescapeBytes, unescapeName } from './escape.ts'

test('names are written as the reference writes them', () => {
  const cases: readonly [Uint8Array, string][] = [
    [Buffer.from('plain.txt'), 'plain.txt'],
    [Buffer.from(' lead'), '%20lead'],
    [Buffer.from('%41%'), '%2541%25'],
    [Buffer.from('tab\tquote"back\\slash'), 'tab%09quote%22back%5Cslash'],
    [Buffer.from('nfc-é 😀'), 'nfc-é%20😀'],
    [Buffer.from([0xff, 0xfe, 0x80]), '%FF%FE%80'],
    [Buffer.from([0x01, 0x7f]), '%01\x7f'],
    // Over-long, a surrogate, beyond U+10FFFF, and one cut short.
    [Buffer.from([0xc0, 0xaf, 0xed, 0xa0, 0x80, 0xf4, 0x90, 0x80, 0x80]), '%C0%AF%ED%A0%80%F4%90%80%80'],
    [Buffer.from([0xe2, 0x82, 0x61]), '%E2%82a'],
    [Buffer.from([0xef, 0xbf, 0xbd]), '\ufffd'],
  ]
  for (const [bytes, text] of cases) {
    assert.equal(escapeBytes(bytes), text)
    assert.equal(escapeName(nameFromBytes(bytes)), text)
    assert.deepEqual(unescapeBytes(text), Buffer.from(bytes))
  }
})

test('any bytes come back', () => {
  const random = seededRandom(11)
  for (let k = 0; k < 2000; k++) {
    const bytes = Buffer.from(
      Array.from({ length: Math.floor(random.next() * 12) }, () => Math.floor(random.next() * 256)),
    )
    assert.deepEqual(unescapeBytes(escapeBytes(bytes)), bytes, bytes.toString('hex'))
  }
})

test('what is no escape stays', () => {
  assert.equal(unescapeName('100%'), '100%')
  assert.equal(unescapeName('%zz%4'), '%zz%4')
  assert.equal(unescapeName('%41é'), nameFromText('Aé'))
})
