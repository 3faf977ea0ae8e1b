import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeKey, encodeKey } from './keys.ts'

test('a boundary is encoded as PD has it, and back', () => {
  const key = Buffer.from('766f6c34fd41240d00000000000049', 'hex').toString('latin1')
  assert.equal(encodeKey(key).toString('hex'), '766f6c34fd41240dff0000000000004900fe')
  for (const text of ['a', '12345678', '123456789', '\xff\x00', key])
    assert.equal(decodeKey(encodeKey(text)), text)
  assert.equal(decodeKey(Buffer.alloc(0)), '')
})

test('the encoded form keeps the order', () => {
  const keys = ['', '\x00', '\x00\x00', 'a', 'a\x00', 'aaaaaaaa', 'aaaaaaaa\x00', 'aaaaaaab', 'a\xff', 'b']
  const encoded = keys.map(encodeKey)
  for (let k = 1; k < keys.length; k++) assert.ok(Buffer.compare(encoded[k - 1]!, encoded[k]!) < 0)
})

test('what is no boundary is refused', () => {
  for (const text of ['00', '6162636465666768', '616263646566676800'])
    assert.throws(() => decodeKey(Buffer.from(text, 'hex')), { kind: 'corrupt' })
})
