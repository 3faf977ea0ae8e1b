import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Reply, ReplyError, ReplyParser } from './replies.ts'

type Shown = string | number | null | readonly Shown[]

function shown(reply: Reply | ReplyError): Shown {
  if (reply instanceof ReplyError) return `error ${reply.message}`
  if (reply instanceof Uint8Array) return reply.toString('latin1')
  return reply === null || typeof reply === 'number' ? reply : reply.map(shown)
}

function parse(pieces: readonly Buffer[]): readonly Shown[] {
  const replies: Shown[] = []
  const parser = new ReplyParser((reply) => replies.push(shown(reply)))
  for (const piece of pieces) parser.feed(piece)
  return replies
}

const STREAM = Buffer.from(
  `${[
    '+OK',
    '-ERR no such thing',
    ':-9007199254740991',
    '$-1',
    '*-1',
    '$0\r\n',
    '$8\r\na\r\nb\xff\0\r\n',
    '*0',
    '*3\r\n:0\r\n*2\r\n$1\r\nx\r\n*1\r\n$-1\r\n+y',
    '*2\r\n-ERR inside\r\n:5',
    '*1\r\n*1\r\n:7',
    ':-2',
  ].join('\r\n')}\r\n`,
  'latin1',
)
const REPLIES: readonly Shown[] = [
  'OK',
  'error ERR no such thing',
  -9007199254740991,
  null,
  null,
  '',
  'a\r\nb\xff\0\r\n',
  [],
  [0, ['x', [null]], 'y'],
  'error ERR inside',
  [[7]],
  -2,
]

test('replies of every kind come out of one piece, and of pieces cut anywhere', () => {
  assert.deepEqual(parse([STREAM]), REPLIES)
  for (let at = 0; at <= STREAM.length; at++)
    assert.deepEqual(parse([STREAM.subarray(0, at), STREAM.subarray(at)]), REPLIES, `cut at ${at}`)
  for (const size of [1, 2, 3, 7])
    assert.deepEqual(
      parse(
        Array.from({ length: Math.ceil(STREAM.length / size) }, (_, k) =>
          STREAM.subarray(k * size, (k + 1) * size),
        ),
      ),
      REPLIES,
      `pieces of ${size}`,
    )
})

test('a long value in many pieces is joined once', () => {
  const value = Buffer.alloc(3_000_000, 'value ')
  const whole = Buffer.concat([Buffer.from(`*2\r\n$${value.length}\r\n`), value, Buffer.from('\r\n:1\r\n')])
  const got: Reply[] = []
  const parser = new ReplyParser((reply) => got.push(reply as Reply))
  for (let at = 0; at < whole.length; at += 65_536) parser.feed(whole.subarray(at, at + 65_536))
  const [[bytes, one]] = got as [[Buffer, number]]
  assert.ok(bytes.equals(value))
  assert.equal(one, 1)
})

test('what is no reply is refused', () => {
  assert.throws(() => parse([Buffer.from('HTTP/1.1 400 Bad Request\r\n')]), /does not speak/)
})
