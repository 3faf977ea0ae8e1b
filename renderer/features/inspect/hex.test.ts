import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hexLines, shownText } from './hex.ts'

test('bytes stand eight a line where there is no room for sixteen', () => {
  assert.equal(
    hexLines(Uint8Array.from([0x50, 0x6f, 0x6d, 0x65, 0x6c, 0x6f, 0x0a, 0x00, 0xff]), 0, 8),
    ['00000000  50 6f 6d 65 6c 6f 0a 00  Pomelo··', '00000008  ff                       ·'].join('\n'),
  )
})

test('bytes stand sixteen a line, with their position and what of them is text', () => {
  const bytes = Uint8Array.from([
    ...new TextEncoder().encode('Pomelo\n'),
    ...Array.from({ length: 12 }, (_, k) => 250 + (k % 6)),
  ])
  assert.equal(
    hexLines(bytes, 4096, 16),
    [
      '00001000  50 6f 6d 65 6c 6f 0a fa  fb fc fd fe ff fa fb fc Pomelo··········',
      '00001010  fd fe ff                                         ···',
    ].join('\n'),
  )
})

test('text keeps its lines and marks what cannot be shown', () => {
  assert.equal(shownText(Uint8Array.from([0x61, 0x0a, 0x00, 0xc3, 0xa4, 0xff])), 'a\n·ä\ufffd')
})
