/** What became of a transaction is told rightly though crashes of the server take numbers back and give them out again. */
import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { systemClock } from '#core/base/clock.ts'
import { Metrics } from '#core/base/metrics.ts'
import { seededRandom } from '#core/base/random.ts'
import { type PostgresServer, postgresMissing, startPostgres } from '../../../../e2e/harness/postgres.ts'
import type { Call } from './batch.ts'
import type { Connection } from './connection.ts'
import { LostAnswer } from './errors.ts'
import { Pool } from './pool.ts'
import { ServerLives, WAL_POSITION } from './server-life.ts'
import { Prepared } from './statement.ts'
import { type Fate, fatesOf, inTransaction, type Numbered } from './transaction.ts'
import { parsePostgresUrl } from './url.ts'

const skip = postgresMissing() ?? false
const NO_DISK = new Prepared("SELECT set_config('synchronous_commit', 'off', true)")
const INSERT = new Prepared("INSERT INTO told VALUES ('ours')")
const LOOK = new Prepared('SELECT 1')
const BEGIN = new Prepared('BEGIN')
const NUMBER = new Prepared('SELECT txid_current()')
const POSITION = new Prepared(`SELECT ${WAL_POSITION}`)
const ROLLBACK = new Prepared('ROLLBACK')

let started: Promise<PostgresServer> | undefined
let databases = 0

function server(): Promise<PostgresServer> {
  return (started ??= startPostgres({ config: { autovacuum: 'off' } }))
}

after(async () => (await started)?.stop())

interface Client {
  readonly pool: Pool
  readonly sql: (text: string) => Promise<string>
}

async function newClient(t: TestContext): Promise<Client> {
  const postgres = await server()
  const name = `fates_${databases++}`
  const url = await postgres.createDatabase(name)
  const sql = (text: string): Promise<string> => postgres.sql(name, text)
  await sql('CREATE TABLE told (what text)')
  const trips = new Metrics().counter('trips')
  const pool = new Pool(parsePostgresUrl(url, {}), false, systemClock, seededRandom(1), trips)
  t.after(() => pool.close())
  await pool.start()
  return { pool, sql }
}

function call(statement: Prepared): Call {
  return { statement, params: [] }
}

/** Insert a row and do not wait for the disk. */
async function insert(client: Client): Promise<Numbered> {
  let known: Numbered | undefined
  await again(client, (connection) =>
    inTransaction(connection, [NO_DISK, INSERT].map(call), (_, transaction) => {
      known = transaction
      return []
    }),
  )
  return known!
}

/** The first attempt after a crash finds the connection lost. */
async function again<T>({ pool }: Client, work: (connection: Connection) => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await pool.use(work)
    } catch (error) {
      if (!(error instanceof LostAnswer)) throw error
    }
  }
}

async function fateOf(client: Client, transaction: Numbered): Promise<Fate> {
  return (await again(client, (connection) => fatesOf(connection, [transaction])))[0]!
}

/** Insert a row that a crash of the server takes back. */
async function insertAndLose(client: Client): Promise<Numbered> {
  await (await server()).writeNothingUnasked()
  const transaction = await insert(client)
  await (await server()).restart()
  assert.equal(await client.sql("SELECT count(*) FROM told WHERE what = 'ours'"), '0')
  return transaction
}

/** Transactions of others until one has that number. */
async function giveOut({ sql }: Client, number: number): Promise<void> {
  while (Number(await sql("INSERT INTO told VALUES ('theirs') RETURNING txid_current()")) < number);
  assert.equal(await sql(`SELECT txid_status(${number})`), 'committed')
}

test('a transaction that a crash took back is aborted, one that was on the disk committed', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const client = await newClient(t)
  const kept = await insert(client)
  assert.equal(await fateOf(client, kept), 'committed')
  await client.sql("UPDATE told SET what = 'kept'")
  const lost = await insertAndLose(client)
  assert.equal(await fateOf(client, kept), 'committed')
  assert.equal(await fateOf(client, lost), 'aborted')
})

test('what a crash took back stays lost when others got its number and that outlived the next crash', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const client = await newClient(t)
  const lost = await insertAndLose(client)
  // This client comes to the server again, and does not come to ask.
  await again(client, (connection) => connection.run([call(LOOK)]))
  await giveOut(client, lost.number)
  await client.sql(`SELECT pg_logical_emit_message(true, 'test', repeat('x', 100000))`)
  await (await server()).restart()
  assert.equal(await fateOf(client, lost), 'aborted')
})

test('what a crash took back stays lost when the next life of the server was never seen, and this one gave its number out', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const client = await newClient(t)
  const lost = await insertAndLose(client)
  await client.sql('SELECT pg_switch_wal()') // the log grows, and no number is given out
  await (await server()).restart()
  await giveOut(client, lost.number)
  assert.equal(await fateOf(client, lost), 'aborted')
})

test('a number that nobody has after a crash is that of an aborted transaction', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const client = await newClient(t)
  const nothing = await client.pool.use(async (connection) => {
    const [, given] = await connection.run([BEGIN, NUMBER].map(call))
    // Only others log something, so the server will not know of the number when it has recovered.
    await client.sql("SELECT pg_logical_emit_message(false, 'test', ''); SELECT pg_switch_wal()")
    const [position] = await connection.run([call(POSITION)])
    await connection.run([call(ROLLBACK)])
    const [number, at] = [given!.rows[0]![0] as number, position!.rows[0]![0] as number]
    return { number, incarnation: connection.incarnation, position: at }
  })
  await (await server()).restart()
  await assert.rejects(client.sql(`SELECT txid_status(${nothing.number})`), /in the future/)
  assert.equal(await fateOf(client, nothing), 'aborted')
})

test('a life of the server ends with its last process, and what it found is what outlived the ones before', () => {
  const lives = new ServerLives()
  assert.equal(lives.meet('1.5 10,11'), false, 'nothing was before the first one')
  assert.equal(lives.meet('1.5 11,12'), false)
  assert.equal(lives.crashes, 0)
  const [early, late] = [
    { position: 400, number: 40 },
    { position: 600, number: 60 },
  ]
  assert.ok(lives.outlived('1.5 10,11', late))
  assert.ok(lives.meet('2.5 20'))
  assert.ok(lives.meet('2.5 20'), 'nobody has told yet')
  lives.begin('2.5 20', { position: 500, number: 50 })
  assert.equal(lives.meet('2.5 20'), false)
  assert.ok(lives.meet('3.5 30'))
  lives.begin('3.5 30', { position: 900, number: 90 })
  assert.equal(lives.crashes, 2)
  assert.ok(lives.outlived('1.5 11,12', early))
  assert.ok(!lives.outlived('1.5 11,12', late))
  assert.ok(
    !lives.outlived('1.5 11,12', { position: 500, number: 50 }),
    'the first number that was given out again',
  )
  assert.ok(lives.outlived('2.5 20', late))
  assert.ok(lives.outlived('3.5 30', { position: 1000, number: 100 }))
})
