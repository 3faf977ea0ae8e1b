import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parsePostgresUrl } from './url.ts'

const parse = (url: string, env: NodeJS.ProcessEnv = {}) => parsePostgresUrl(url, env)

test('user, password, host, port and database are where they belong, percent-encoded or not', () => {
  const url = parse('postgres://me:p%40ss%2F1@db.example:6432/te%20am')
  assert.deepEqual(url.endpoints, [{ host: 'db.example', port: 6432 }])
  assert.equal(url.user, 'me')
  assert.equal(url.password, 'p@ss/1')
  assert.equal(url.database, 'te am')
  assert.equal(url.schema, 'public')
  assert.equal(url.prefix, 'jfs_')
  assert.equal(parse('postgres://me:a@b@h/d').password, 'a@b')
})

test('the address for messages holds no password', () => {
  assert.equal(parse('postgres://me:secret@h/db?table_prefix=v1').address, 'postgres://h:5432/db')
  assert.equal(parse('postgres://me:secret@/db?host=/run/pg').address, 'postgres:///db?host=/run/pg')
})

test('the folder of a socket, IPv6 and several hosts are understood', () => {
  assert.deepEqual(parse('postgres://me@/db?host=/run/pg').endpoints, [{ host: '/run/pg', port: 5432 }])
  assert.deepEqual(parse('postgres://me@/db?host=/run/pg&port=5433').endpoints, [
    { host: '/run/pg', port: 5433 },
  ])
  assert.deepEqual(parse('postgres://me@[::1]:5433/db').endpoints, [{ host: '::1', port: 5433 }])
  assert.deepEqual(parse('postgresql://me@a,b:6000/db').endpoints, [
    { host: 'a', port: 5432 },
    { host: 'b', port: 6000 },
  ])
})

test('schema, table prefix, TLS and the bounds of the pool come from parameters; others are named', () => {
  const url = parse(
    'postgres://me@h/db?search_path=team&table_prefix=v1&sslmode=verify-full&sslrootcert=/ca.pem&max_open_conns=7&max_idle_conns=3&max_idle_time=60&max_life_time=600&connect_timeout=3&statement_cache_capacity=5',
  )
  assert.equal(url.schema, 'team')
  assert.equal(url.prefix, 'jfs_v1_')
  assert.equal(url.tls.mode, 'verify-full')
  assert.equal(url.tls.rootCert, '/ca.pem')
  assert.deepEqual(
    [url.maxConnections, url.maxIdle, url.maxIdleMs, url.maxLifeMs, url.connectTimeoutMs],
    [7, 3, 60_000, 600_000, 3_000],
  )
  assert.deepEqual(url.ignored, ['statement_cache_capacity'])
  assert.equal(parse('postgres://me@h/db?synchronous_commit=on').synchronousCommit, 'on')
  assert.equal(parse('postgres://me@h/db').tls.mode, 'prefer')
  assert.equal(parse('postgres://me@h/db?sslmode=require&sslrootcert=/ca.pem').tls.mode, 'verify-ca')
})

test('a missing password comes from META_PASSWORD or its file', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'pomelo-url-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'password')
  await writeFile(file, 'from file\n')
  assert.equal(parse('postgres://me@h/db', { META_PASSWORD: 'meta' }).password, 'meta')
  assert.equal(parse('postgres://me:own@h/db', { META_PASSWORD: 'meta' }).password, 'own')
  assert.equal(parse('postgres://me@h/db', { META_PASSWORD_FILE: file }).password, 'from file')
  assert.equal(parse('postgres://me@h/db').password, undefined)
  assert.throws(
    () => parse('postgres://me@h/db', { META_PASSWORD_FILE: join(folder, 'no') }),
    /META_PASSWORD_FILE/,
  )
})

test('mistakes are refused with the parameter, never the password', () => {
  const mistakes: readonly [string, RegExp][] = [
    ['postgres://me:secret@h:99999/db', /no host/],
    ['postgres://me:secret@h/db?sslmode=maybe', /sslmode "maybe"/],
    ['postgres://me:secret@h/db?sslcert=/c', /sslcert and sslkey/],
    ['postgres://me:secret@h/db?synchronous_commit=perhaps', /synchronous_commit "perhaps"/],
    ['postgres://me:secret@h/db?search_path=a,b', /one schema/],
    ['postgres://me:secret@h/db?table_prefix=a-b', /table_prefix/],
    ['postgres://me:secret@h/db?max_open_conns=many', /max_open_conns/],
    ['postgres://me:secret%zz@h/db', /percent-encoded/],
    ['http://me:secret@h/db', /no address of a PostgreSQL/],
  ]
  for (const [url, message] of mistakes)
    assert.throws(
      () => parse(url),
      (error: Error) => message.test(error.message) && !error.message.includes('secret'),
      url,
    )
})
