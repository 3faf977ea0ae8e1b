import assert from 'node:assert/strict'
import test from 'node:test'
import { contentSecurityPolicy, loopbackOrigin, mayNavigate, mayOpenOutside } from './origins.ts'

test('the page comes from loopback only', () => {
  assert.equal(loopbackOrigin('http://127.0.0.1:4321/#code=abc'), 'http://127.0.0.1:4321')
  for (const address of [
    'http://localhost:4321/',
    'http://127.0.0.1.example.com:80/',
    'http://user@127.0.0.1:4321/',
    'https://127.0.0.1:4321/',
    'http://127.0.0.1/',
    'file:///etc/passwd',
    'data:text/html,x',
    '',
  ])
    assert.equal(loopbackOrigin(address), undefined, address)
})

test('navigation stays on the origin', () => {
  const origin = 'http://127.0.0.1:4321'
  assert.ok(mayNavigate('http://127.0.0.1:4321/#/settings', origin))
  for (const address of [
    'http://127.0.0.1:4322/',
    'https://example.com/',
    'file:///',
    'javascript:0',
    'about:blank',
  ])
    assert.ok(!mayNavigate(address, origin), address)
})

test('only https leaves for the browser', () => {
  assert.ok(mayOpenOutside('https://example.com/docs'))
  for (const address of [
    'http://example.com/',
    'file:///etc',
    'https://localhost/',
    'https://u:p@example.com/',
    'smb://x.y/z',
    'ms-settings:x',
  ])
    assert.ok(!mayOpenOutside(address), address)
})

test('the policy allows no inline code, no frames and no other origin', () => {
  const policy = contentSecurityPolicy('http://127.0.0.1:4321')
  assert.match(policy, /default-src 'none'/)
  assert.match(policy, /connect-src 'self' ws:\/\/127\.0\.0\.1:4321/)
  assert.doesNotMatch(policy, /unsafe|\*|https:/)
})
