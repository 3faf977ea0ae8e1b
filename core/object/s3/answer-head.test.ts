import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plainHead } from './answer-head.ts'

const head = (...lines: string[]) => plainHead(lines.join('\r\n'))

test('a plain head: status, headers in lower case, the length of the body', () => {
  assert.deepEqual(
    head('HTTP/1.1 206 Partial Content', 'Content-Length: 10', 'X-Tag:\t a: b ', 'x-tag: c', 'ETag:'),
    {
      status: 206,
      headers: { 'content-length': '10', 'x-tag': 'a: b, c', etag: '' },
      length: 10,
      keepsAlive: true,
    },
  )
  assert.equal(head('HTTP/1.1 404', 'content-length: 0')?.status, 404)
  assert.equal(head('HTTP/1.1 200 OK', 'content-length: 0', 'connection: Keep-Alive')?.keepsAlive, true)
  assert.equal(head('HTTP/1.1 200 OK', 'content-length: 0', 'connection: close')?.keepsAlive, false)
})

test('what is not plain is left to others', () => {
  const length = 'Content-Length: 10'
  for (const lines of [
    ['HTTP/1.1 200 OK'],
    ['HTTP/1.0 200 OK', length],
    ['HTTP/1.1 100 Continue', length],
    ['HTTP/1.1 204 No Content', length],
    ['HTTP/1.1 304 Not Modified', length],
    ['HTTP/1.1 2000 OK', length],
    ['ICY 200 OK', length],
    ['', length],
    ['HTTP/1.1 200 OK', length, length],
    ['HTTP/1.1 200 OK', 'Content-Length: 10, 10'],
    ['HTTP/1.1 200 OK', 'Content-Length: -1'],
    ['HTTP/1.1 200 OK', 'Content-Length: 1e3'],
    ['HTTP/1.1 200 OK', 'Content-Length: 1000000000000000000000'],
    ['HTTP/1.1 200 OK', 'Content-Length : 10'],
    ['HTTP/1.1 200 OK', length, 'Transfer-Encoding: chunked'],
    ['HTTP/1.1 200 OK', 'X-Folded: a', ' b', length],
    ['HTTP/1.1 200 OK', 'X-Bare: a\nb', length],
  ])
    assert.equal(head(...lines), undefined, lines.join(' | '))
})
