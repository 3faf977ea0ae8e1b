/** What is said when no connection can be made: the cause, and a next step. Each is made to happen. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { type PostgresServer, postgresMissing, startPostgres } from '../../../../e2e/harness/postgres.ts'
import { freePort } from '../../../../e2e/harness/servers.ts'
import { openPostgres } from './open.ts'

const skip = postgresMissing() ?? false
const secret = 'test-password'

/** With TLS offered; user `outside` needs it, `cert` needs a certificate. */
let secure: Promise<PostgresServer> | undefined
const tlsServer = () =>
  (secure ??= startPostgres({
    tls: true,
    access: [
      'hostssl all outside all scram-sha-256',
      'host all outside all reject',
      'hostssl all cert all cert',
    ],
  }))
let plain: Promise<PostgresServer> | undefined
const plainServer = () => (plain ??= startPostgres())

after(async () => {
  await (await secure)?.stop()
  await (await plain)?.stop()
})

async function refusal(url: string): Promise<string> {
  try {
    const engine = await openPostgres(url, { env: {} })
    await engine.close()
  } catch (error) {
    const { message } = error as Error
    assert.ok(!message.includes(secret), message)
    return message
  }
  throw new Error('the connection was made')
}

test('password, role and database that are wrong are named, with what to do', { skip }, async () => {
  const server = await plainServer()
  await server.sql('postgres', "CREATE ROLE idle NOLOGIN; CREATE ROLE guest LOGIN PASSWORD 'guest'")
  await server.createDatabase('closed')
  await server.sql('postgres', 'REVOKE CONNECT ON DATABASE closed FROM PUBLIC')
  const at = (user: string, database = 'postgres') =>
    `postgres://${user}@127.0.0.1:${server.port}/${database}?sslmode=disable`
  assert.match(await refusal(at('pomelo:wrong')), /the password of role "pomelo" was refused.*META_PASSWORD/)
  assert.match(await refusal(at('pomelo')), /role "pomelo" needs a password.*META_PASSWORD/)
  assert.match(await refusal(at(`nobody:${secret}`)), /role "nobody"/)
  assert.match(await refusal(at(`pomelo:${secret}`, 'absent')), /no database "absent".*createdb absent/)
  assert.match(
    await refusal(at('guest:guest', 'closed')),
    /may not connect to database "closed".*GRANT CONNECT/,
  )
})

test('a place without a server is named, with what to do', { skip }, async () => {
  const port = await freePort()
  assert.match(
    await refusal(`postgres://me:x@127.0.0.1:${port}/db?sslmode=disable`),
    /nothing listens there; start the PostgreSQL server/,
  )
  assert.match(await refusal('postgres://me:x@no-such-host.invalid/db'), /host/)
  assert.match(await refusal('postgres://me:x@/db?host=/nonexistent'), /no socket of a PostgreSQL server/)
})

test('TLS that does not match is told apart: not offered, required, unknown authority, other name', {
  skip,
}, async () => {
  const [open, closed] = [await plainServer(), await tlsServer()]
  await closed.sql('postgres', `CREATE ROLE outside LOGIN PASSWORD '${secret}'; CREATE ROLE cert LOGIN`)
  const at = (user: string, host: string, port: number, mode: string) =>
    `postgres://${user}:${secret}@${host}:${port}/postgres?sslmode=${mode}`
  assert.match(
    await refusal(at('pomelo', '127.0.0.1', open.port, 'require')),
    /has no TLS, and sslmode=require asks for it/,
  )
  assert.match(await refusal(at('outside', '127.0.0.1', closed.port, 'disable')), /pg_hba.conf|TLS only/)
  assert.match(
    await refusal(at('pomelo', '127.0.0.1', closed.port, 'verify-full')),
    /not signed by a known authority.*sslrootcert/,
  )
  const root = `&sslrootcert=${closed.rootCert}`
  assert.match(
    await refusal(at('cert', '127.0.0.1', closed.port, `require${root}`)),
    /client certificate.*sslcert/,
  )
  for (const mode of ['require', `verify-ca${root}`, `verify-full${root}`, 'prefer', 'allow']) {
    const engine = await openPostgres(at('outside', 'localhost', closed.port, mode))
    await engine.close()
  }
  const fallback = await openPostgres(at('pomelo', '127.0.0.1', open.port, 'prefer'))
  await fallback.close()
})

test('a socket folder works as an address', { skip }, async () => {
  const server = await plainServer()
  const engine = await openPostgres(
    `postgres://pomelo:${secret}@/postgres?host=${server.socketDir}&port=${server.port}`,
  )
  assert.equal(engine.address, `postgres:///postgres?host=${server.socketDir}`)
  await engine.close()
})

test('a role without the rights it needs is told which', { skip }, async () => {
  const server = await plainServer()
  await server.createDatabase('narrow')
  await server.sql('postgres', "CREATE ROLE small LOGIN PASSWORD 'small'")
  await server.sql(
    'narrow',
    'REVOKE CREATE ON SCHEMA public FROM PUBLIC; REVOKE TEMPORARY ON DATABASE narrow FROM PUBLIC',
  )
  const url = (user: string) => `postgres://${user}@127.0.0.1:${server.port}/narrow?sslmode=disable`
  const engine = await openPostgres(url('small:small'))
  await assert.rejects(engine.initialize(), /CREATE on the schema/)
  const codes = (await engine.examine()).map(({ code }) => code)
  assert.ok(codes.includes('postgres-create') && codes.includes('postgres-temporary'))
  await engine.close()
  const owner = await openPostgres(url(`pomelo:${secret}`))
  await owner.initialize()
  await owner.close()
  await server.sql(
    'narrow',
    'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO small; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO small',
  )
  // Without temporary functions commits are statements, every time.
  const slow = await openPostgres(url('small:small'))
  for (let k = 0; k < 5; k++) {
    const guards = [{ kind: 'edgeIs', parent: 1, name: `f${k}`, is: null } as const]
    const changes = [{ kind: 'putEdge', parent: 1, name: `f${k}`, edge: { ino: 10 + k, type: 1 } } as const]
    assert.ok((await slow.commit('test', guards, changes)).ok)
    assert.ok(!(await slow.commit('test', guards, changes)).ok)
  }
  await slow.close()
})
