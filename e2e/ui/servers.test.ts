/**
 * The wizard with servers as teams have them, each real and with passwords: Redis and PostgreSQL for the metadata, an
 * S3 server for the data. Wrong passwords and keys are said where they were typed; the right ones end in a mounted
 * volume whose bytes are in the bucket.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright'
import { mountObstacle } from '../../scripts/system.mjs'
import { type PostgresServer, postgresMissing, startPostgres } from '../harness/postgres.ts'
import { type RedisServer, redisMissing, startRedis } from '../harness/redis.ts'
import { freePort, type S3Server, s3Server, startS3 } from '../harness/servers.ts'
import { startTikv, type TikvServer, tikvMissing } from '../harness/tikv.ts'
import { SHOTS, uiObstacle } from './harness.ts'
import { copyIn, createVolume, next, type RealUi, shell, startRealUi, unmountHeld } from './real-window.ts'

const obstacle = uiObstacle() ?? mountObstacle() ?? (await s3Server()).missing
const options = (missing: string | undefined) => ({ skip: obstacle ?? missing ?? false, timeout: 180_000 })
const REDIS_PASSWORD = 'redis-pass-4711'
let ui: RealUi
let s3: S3Server
let redis: RedisServer | undefined
let postgres: PostgresServer | undefined
let tikv: TikvServer | undefined

before(async () => {
  if (obstacle !== undefined) return
  ;[ui, s3] = await Promise.all([startRealUi(), startS3()])
})
after(async () => {
  await ui?.close()
  await Promise.all([s3?.stop(), redis?.stop(), postgres?.stop(), tikv?.stop()])
})

interface Team {
  readonly name: string
  readonly engine: 'Redis' | 'PostgreSQL' | 'TiKV'
  readonly address: string
  /** Undefined: there is none, and an address where nobody is is tried first. */
  readonly password?: string
  /** What a wrong password or address is answered with. */
  readonly refusal: RegExp
}

/** Name and metadata: without the right password or address there is no way on. */
async function chooseMetadata(page: Page, { name, engine, address, password, refusal }: Team): Promise<void> {
  await page.getByRole('main').getByRole('button', { name: 'New volume' }).click()
  await page.getByLabel('Name').fill(name)
  await next(page).click()
  await page.getByRole('radio', { name: engine }).check()
  const field = page.getByLabel(password === undefined ? 'Address' : 'Password', { exact: true })
  if (password !== undefined) await page.getByLabel('Address').fill(address)
  await field.fill(password === undefined ? `tikv://127.0.0.1:${await freePort()}/none` : 'wrong-4711')
  await page.getByText(refusal).first().waitFor()
  await page.screenshot({ path: join(SHOTS, `real-wrong-password-${name}.png`) })
  assert.ok(await next(page).isDisabled())
  await field.fill(password ?? address)
  await page.getByText(/^Answers in [\d.]+ (ms|µs)/).waitFor()
  await next(page).click()
}

/** The bucket: a wrong key is named as what it is. */
async function chooseBucket(page: Page): Promise<void> {
  await page.getByRole('combobox', { name: 'Kind of storage' }).click()
  await page.getByRole('option', { name: 'MinIO' }).click()
  await page.getByLabel('Address').fill(s3.endpoint)
  await page.getByLabel('Bucket').fill(s3.bucket)
  await page.getByLabel('User or access key').fill(s3.accessKey)
  await page.getByLabel('Password or secret key').fill('wrong-key-4711')
  await page.getByText('The bucket refuses these keys.').waitFor()
  await page.getByText(/check the access key and the secret key/).waitFor()
  assert.ok(await next(page).isDisabled())
  await page.screenshot({ path: join(SHOTS, 'real-wrong-key.png') })
  await page.getByLabel('Password or secret key').fill(s3.secretKey)
  await page.getByText(/^Writes a small object in/).waitFor()
  await next(page).click()
}

async function walk(team: Team): Promise<void> {
  const { page, errors } = await ui.open()
  await page.getByRole('main').waitFor()
  await chooseMetadata(page, team)
  await chooseBucket(page)
  await next(page).click() // options
  await next(page).click() // no encryption
  await page.getByRole('heading', { name: 'Where does it appear?' }).waitFor()
  await next(page).click()
  const command = await page.getByRole('region', { name: 'The same as commands' }).textContent()
  for (const secret of [team.password, s3.accessKey, s3.secretKey])
    assert.ok(secret === undefined || !command!.includes(secret))
  await createVolume(page, team.name)

  const mounted = ui.daemon.path('mounts', team.name)
  await copyIn(page, mounted)
  const server = page.getByRole('region', { name: 'Metadata' })
  await server.getByText(/^[\d.]+\s(ms|µs)$/).waitFor()
  const others = page.getByRole('table', { name: 'Clients of this volume' }).getByRole('row')
  await others.filter({ hasText: mounted }).waitFor()
  await unmountHeld(page, team.name, `${mounted}/photos/a.raw`)
  assert.equal(Number(shell(`find ${s3.data}/bucket/${team.name}/chunks -type f | wc -l`)), 5)
  assert.deepEqual(errors, [])
  await page.close()
}

test(
  'Redis and S3: wrong password, wrong key, then mounted, used and unmounted',
  options(redisMissing()),
  async () => {
    redis = await startRedis({ requirepass: REDIS_PASSWORD })
    const address = redis.url(1)
    await walk({ name: 'reels', engine: 'Redis', address, password: REDIS_PASSWORD, refusal: /password/i })
  },
)

test('PostgreSQL and S3: the same', options(postgresMissing()), async () => {
  postgres = await startPostgres()
  const url = new URL(await postgres.createDatabase('team'))
  const { password } = url
  url.password = ''
  await walk({ name: 'scans', engine: 'PostgreSQL', address: url.href, password, refusal: /password/i })
})

test('TiKV and S3: an address where nobody is, then the same', options(tikvMissing()), async () => {
  tikv = await startTikv()
  const address = tikv.url('plans')
  await walk({ name: 'plans', engine: 'TiKV', address, refusal: /\(PD\) does not answer/ })
})
