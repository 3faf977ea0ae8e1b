import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '#core/base/refusal.ts'
import { fieldsOf, signed, varintsOf } from './protobuf.ts'

test('what is no message is a damaged dump', () => {
  for (const text of ['08', '0880', '08ffffffffffffffffffff01', '120774', '0b'])
    assert.throws(() => [...fieldsOf(Buffer.from(text, 'hex'))], Refusal, text)
  assert.throws(() => [...varintsOf(Buffer.of(0x80))], Refusal)
  assert.equal(signed(0xffffffffffffffffn), -1)
  assert.throws(() => signed(2n ** 60n), Refusal)
})
