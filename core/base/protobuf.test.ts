import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldsOf, MessageWriter, signed, varintsOf } from './protobuf.ts'

const hex = (writer: MessageWriter): string => Buffer.from(writer.take()).toString('hex')

test('numbers are written as others write them', () => {
  const cases: readonly [number | bigint, string][] = [
    [1, '0801'],
    [150, '089601'],
    [2 ** 32, '088080808010'],
    [Number.MAX_SAFE_INTEGER, '08ffffffffffffff0f'],
    [9223372032828243968n, '0880808080f1ffffff7f'],
    [-1, '08ffffffffffffffffff01'],
  ]
  for (const [value, text] of cases) {
    assert.equal(hex(new MessageWriter().number(1, value)), text)
    const [[field, back]] = [...fieldsOf(Buffer.from(text, 'hex'))] as [[number, number | bigint]]
    assert.equal(field, 1)
    assert.equal(BigInt.asIntN(64, BigInt(back)), BigInt(value))
  }
  assert.equal(hex(new MessageWriter().number(1, 0).bytes(2, Buffer.alloc(0))), '')
})

test('bytes, empty items, packed numbers and fields to skip', () => {
  const writer = new MessageWriter()
  writer.bytes(2, Buffer.from('testing')).item(3, Buffer.alloc(0)).packed(4, [3, 270, 86942])
  const message = Buffer.from(writer.take())
  assert.equal(message.toString('hex'), '120774657374696e671a002206038e029ea705')
  const withFixed = Buffer.concat([Buffer.from([0x29, 1, 2, 3, 4, 5, 6, 7, 8, 0x35, 1, 2, 3, 4]), message])
  const fields = [...fieldsOf(withFixed)]
  assert.deepEqual(
    fields.map(([field]) => field),
    [2, 3, 4],
  )
  assert.deepEqual([...varintsOf(fields[2]![1] as Buffer)], [3, 270, 86942])
})

test('a message grows as it must', () => {
  const writer = new MessageWriter()
  const large = Buffer.alloc(100_000, 7)
  for (let k = 0; k < 5; k++) writer.item(1, large)
  assert.equal([...fieldsOf(writer.take())].length, 5)
  assert.equal(writer.length, 0)
})

test('what is no message is refused', () => {
  for (const text of ['08', '0880', '08ffffffffffffffffffff01', '120774', '0b'])
    assert.throws(() => [...fieldsOf(Buffer.from(text, 'hex'))], { kind: 'corrupt' }, text)
  assert.equal(signed(0xffffffffffffffffn), -1)
  assert.throws(() => signed(2n ** 60n), { kind: 'corrupt' })
})
