import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Refusal } from '#core/base/refusal.ts'
import { endpointText, parseRedisUrl } from './url.ts'

const parse = (url: string, env: NodeJS.ProcessEnv = {}) => parseRedisUrl(url, env)
const places = (url: string): string[] => parse(url).endpoints.map(endpointText)

test('one server: host, port and database, with the defaults of the format', () => {
  const url = parse('redis://meta.example/3')
  assert.equal(url.kind, 'single')
  assert.deepEqual(url.endpoints, [{ host: 'meta.example', port: 6379 }])
  assert.equal(url.db, 3)
  assert.equal(url.tls, undefined)
  assert.equal(url.readTimeoutMs, 30_000)
  assert.equal(url.address, 'redis://meta.example/3')
  assert.equal(parse('meta.example:7000').db, 0)
  assert.deepEqual(places('meta.example:7000'), ['meta.example:7000'])
  assert.deepEqual(places('redis://[::1]:7000/1'), ['[::1]:7000'])
  assert.deepEqual(places('redis:///1'), ['localhost:6379'])
  assert.equal(parse('redis://h?db=5').db, 5)
})

test('a Unix socket has its database among the options', () => {
  const url = parse('unix://u:p@/run/redis.sock?db=2')
  assert.deepEqual(url.endpoints, [{ path: '/run/redis.sock' }])
  assert.equal(url.db, 2)
  assert.equal(url.username, 'u')
  assert.equal(url.password, 'p')
  assert.equal(url.address, 'unix:///run/redis.sock?db=2')
})

test('a comma before the first colon means Sentinel, and the last port counts for all', () => {
  const url = parse('rediss://:pw@mymaster,s1,s2:5000,s3:26380/2', { SENTINEL_PASSWORD: 'own' })
  assert.equal(url.kind, 'sentinel')
  assert.equal(url.master, 'mymaster')
  assert.deepEqual(url.endpoints.map(endpointText), ['s1:26380', 's2:5000', 's3:26380'])
  assert.equal(url.sentinelPassword, 'own')
  assert.deepEqual(places('redis://m,s1,s2:/1'), ['s1:26379', 's2:26379'])
})

test('other commas mean a cluster', () => {
  assert.equal(parse('redis://a:1,b:2/1').kind, 'cluster')
  assert.deepEqual(places('redis://a:1,b:2/1'), ['a:1', 'b:2'])
  assert.equal(parse('redis://a,b/1').kind, 'cluster')
  assert.deepEqual(places('redis://a,b/1'), ['a:6379', 'b:6379'])
})

test('the password comes from the address, then from the environment in order', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pu-'))
  try {
    const file = join(folder, 'pw')
    writeFileSync(file, '  from file\n')
    const env = { META_PASSWORD_FILE: file }
    assert.equal(parse('redis://h', env).password, 'from file')
    assert.equal(parse('redis://h', { ...env, META_PASSWORD: 'meta' }).password, 'meta')
    assert.equal(
      parse('redis://h', { ...env, META_PASSWORD: 'meta', REDIS_PASSWORD: 'redis' }).password,
      'redis',
    )
    assert.equal(parse('redis://:p%40ss%2F@h', { REDIS_PASSWORD: 'redis' }).password, 'p@ss/')
    assert.equal(parse('redis://joe@h', { REDIS_PASSWORD: 'redis' }).username, 'joe')
    assert.equal(parse('redis://h').password, undefined)
    assert.throws(() => parse('redis://h', { META_PASSWORD_FILE: join(folder, 'no') }), /META_PASSWORD_FILE/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('options are spelled with - or _, and unknown ones are refused by name', () => {
  const url = parse('redis://h/1?read_timeout=2s&min-retry-backoff=5ms&max_retry_backoff=1m&dial_timeout=3')
  assert.deepEqual(
    [url.readTimeoutMs, url.minRetryMs, url.maxRetryMs, url.connectTimeoutMs],
    [2_000, 5, 60_000, 3_000],
  )
  parse('redis://h/1?pool_size=10&client-cache=true&route-read=replica&write-timeout=1s')
  assert.throws(() => parse('redis://h/1?colour=red'), /no option "colour"/)
  assert.throws(() => parse('redis://h/1?read-timeout=soon'), /read-timeout.*"soon"/)
})

test('TLS options count for rediss only', () => {
  const url = parse(
    'rediss://h?tls-ca-cert-file=/ca&tls-cert-file=/c&tls-key-file=/k&tls-server-name=x&insecure-skip-verify=1',
  )
  assert.deepEqual(url.tls, {
    certFile: '/c',
    keyFile: '/k',
    caFile: '/ca',
    serverName: 'x',
    insecure: true,
  })
  assert.equal(parse('rediss://h').tls?.insecure, false)
  assert.equal(parse('redis://h?insecure-skip-verify=1').tls, undefined)
  assert.throws(() => parse('rediss://h?tls-cert-file=/c'), /tls-key-file/)
})

test('no refusal and no address quotes a secret', () => {
  const bad = [
    'redis://:s3cret@h:99999/1',
    'redis://:s3cret/x@h/1',
    'redis://:s3cret%@h/1',
    'redis://:s3cret@h/one',
    'redis://:s3cret@h/1?x=1',
    'redis://:s3cret?x@h/1',
    'unix://:s3cret@host/run/s',
    'redis://joe:s3cret@a@b:c/1',
  ]
  for (const text of bad) {
    assert.throws(
      () => parse(text),
      (error) => {
        assert.ok(error instanceof Refusal, text)
        assert.doesNotMatch(`${error.message} ${error.next}`, /s3cret/)
        return true
      },
    )
  }
  assert.doesNotMatch(parse('redis://joe:s3cret@h/1').address, /s3cret|joe/)
})
