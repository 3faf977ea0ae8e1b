/** Parts of the daemon that need no process. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { formatCommand } from '#core/api/command-line.ts'
import { type Sample, SERIES_NAMES } from '#core/api/metrics.ts'
import { bucketOf, STORE_PRESETS } from '#core/api/presets.ts'
import { exactText, nameFromExact } from '#core/base/exact-names.ts'
import { seededRandom } from '#core/base/random.ts'
import { splitPassword } from '#core/volume/meta-url.ts'
import { Sessions } from './api/sessions.ts'
import { SettingsStore } from './app-settings.ts'
import { Broadcast } from './broadcast.ts'
import { openDatabase } from './database.ts'
import { EventLog } from './event-log.ts'
import { forecastOf } from './health.ts'
import { HistoryStore } from './history.ts'
import { backOffMs } from './mount-failure.ts'
import { meanSample, quantileMs, Sampler } from './sampler.ts'
import { FileSecretStore } from './secrets.ts'
import { SessionStore } from './session-store.ts'
import type { HistogramNow } from './volume-link.ts'

const folder = await mkdtemp(join(tmpdir(), 'pdp-'))
after(() => rm(folder, { recursive: true }))
let count = 0
const freshDb = () => openDatabase(join(folder, `${++count}.db`))

function sampleAt(atMs: number, value: number | null): Sample {
  return { atMs, values: Object.fromEntries(SERIES_NAMES.map((name) => [name, value])) as Sample['values'] }
}

test('a second opening of the database is refused while the first is open', () => {
  const path = join(folder, 'locked.db')
  const db = openDatabase(path)
  assert.throws(() => openDatabase(path), /running already/)
  db.close()
  openDatabase(path).close()
})

test('secrets: absent stays, empty goes, the file is private and replaced as a whole', async () => {
  const path = join(folder, 'secrets.json')
  const store = new FileSecretStore(path)
  store.change('a', { secretKey: 's', passphrase: 'p' })
  store.change('a', { passphrase: '' })
  store.change('b', { metaPassword: 'm' })
  store.remove('b')
  assert.deepEqual(new FileSecretStore(path).get('a'), { secretKey: 's' })
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.equal(await readFile(path, 'utf8'), '{"a":{"secretKey":"s"}}')
})

test('sessions: a code works once; an ended token is no more; whoever waits for the end is told', () => {
  const sessions = new Sessions(new SessionStore(freshDb()))
  const code = sessions.newCode()
  const token = sessions.signIn(code, 'window')!
  assert.equal(sessions.signIn(code, 'window'), undefined)
  const id = sessions.check(token)!
  let told = 0
  sessions.onEnd(id, () => told++)
  assert.equal(sessions.check(`${token}x`), undefined)
  assert.deepEqual(
    sessions.list(id).map(({ label, isThis }) => [label, isThis]),
    [['window', true]],
  )
  sessions.end(id)
  assert.equal(sessions.check(token), undefined)
  assert.equal(told, 1)
})

test('broadcast: listeners hear what is sent after they came, a slow one loses the oldest', async () => {
  const broadcast = new Broadcast<number>()
  const stop = new AbortController()
  broadcast.send(0)
  const heard = broadcast.listen(stop.signal)
  for (let n = 1; n <= 1500; n++) broadcast.send(n)
  const got: number[] = []
  for await (const n of heard) {
    got.push(n)
    if (n === 1500) stop.abort()
  }
  assert.deepEqual([got.length, got[0]], [1000, 501])
  assert.equal(broadcast.size, 0)
})

test('events: newest first, filtered by volume, level, kind and text, a page at a time', () => {
  const events = new EventLog(freshDb())
  const volume = { id: 'v', name: 'team' }
  events.add({ kind: 'mounted', volume, sentence: 'Mounted at /a_b.' })
  events.add({ kind: 'crashed', level: 'error', volume, sentence: 'It ended.', next: 'redis://u:secret@h/1' })
  events.add({ kind: 'daemon', sentence: 'Started.' })
  const list = (more: object) => events.list({ limit: 10, ...more }).events.map(({ kind }) => kind)
  assert.deepEqual(list({}), ['daemon', 'crashed', 'mounted'])
  assert.deepEqual(list({ id: 'v' }), ['crashed', 'mounted'])
  assert.deepEqual(list({ levels: ['error'] }), ['crashed'])
  assert.deepEqual(list({ text: 'a_b' }), ['mounted'])
  assert.deepEqual(list({ text: 'aXb' }), [])
  const page = events.list({ limit: 2 })
  assert.equal(page.more, true)
  assert.deepEqual(list({ beforeId: page.events.at(-1)!.eventId }), ['mounted'])
  assert.equal(events.list({ kinds: ['crashed'], limit: 1 }).events[0]!.next, 'redis://u:****@h/1')
})

test('settings: a change leaves the others, and damage becomes the defaults', () => {
  const db = freshDb()
  const store = new SettingsStore(db)
  store.change({ theme: 'dark', notifications: { crashed: false } })
  store.change({ uploadMbps: 5, notifications: { mounted: true } })
  const again = new SettingsStore(db).now
  assert.deepEqual(
    [again.theme, again.uploadMbps, again.notifications],
    ['dark', 5, { crashed: false, mounted: true }],
  )
  db.prepare('UPDATE settings SET json = \'{"theme": 7}\'').run()
  assert.equal(new SettingsStore(db).now.theme, 'system')
})

test('history: seconds come back as they were, with gaps; minutes are means; a forgotten volume has none', () => {
  const history = new HistoryStore(freshDb())
  const minute = Math.floor(Date.now() / 60_000) * 60_000 - 120_000
  for (let s = 0; s < 60; s++) if (s !== 30) history.add('v', sampleAt(minute + s * 1000, s < 10 ? null : s))
  history.add('v', sampleAt(minute + 60_000, 1))
  const seconds = history.read({
    id: 'v',
    fromMs: minute,
    toMs: minute + 59_000,
    resolution: 'second',
    series: ['readBps'],
  })
  assert.equal(seconds.stepMs, 1000)
  assert.deepEqual(seconds.series.readBps!.slice(8, 12), [null, null, 10, 11])
  assert.deepEqual([seconds.series.readBps![30], seconds.atMs.length], [null, 60])
  const minutes = history.read({ id: 'v', fromMs: minute, resolution: 'minute', series: ['cpu', 'writeBps'] })
  const sum = Array.from({ length: 50 }, (_, k) => k + 10).reduce((a, b) => a + b) - 30
  assert.ok(Math.abs(minutes.series.cpu![0]! - sum / 49) < 0.01)
  history.forget('v')
  assert.ok(
    history
      .read({ id: 'v', fromMs: minute, resolution: 'auto', series: ['cpu'] })
      .series.cpu!.every((each) => each === null),
  )
})

test('a mean leaves out what says nothing', () => {
  assert.equal(meanSample([sampleAt(1, null), sampleAt(2, 4), sampleAt(3, 8)]).values.readBps, 6)
  assert.equal(meanSample([sampleAt(1, null)]).values.readBps, null)
})

test('percentiles are read between the bounds of a histogram', () => {
  const histogram: HistogramNow = { bounds: [0.001, 0.002, 0.004], counts: [50, 40, 9, 1], sum: 1 }
  assert.equal(quantileMs(histogram, 0.5), 1)
  assert.equal(quantileMs(histogram, 0.9), 2)
  assert.equal(quantileMs(histogram, 1), 4)
  assert.equal(quantileMs({ ...histogram, counts: [0, 0, 0, 0] }, 0.5), null)
  assert.equal(quantileMs(undefined, 0.5), null)
})

test('rates are differences over the time between two reports; a hit rate without reads is none', () => {
  const sampler = new Sampler()
  const numbers = (atMs: number, metrics: Record<string, number>) => ({
    atMs,
    metrics: new Map(Object.entries(metrics)),
    histograms: new Map(),
    cpuMicros: atMs * 10,
    rssBytes: 1,
    metaMs: 0.5,
  })
  assert.equal(sampler.take(numbers(1000, { fuse_read_size_bytes_sum: 100 })), undefined)
  const { values } = sampler.take(
    numbers(3000, { fuse_read_size_bytes_sum: 2100, blockcache_hits: 3, blockcache_miss: 1 }),
  )!
  assert.deepEqual(
    [values.readBps, values.hitRate, values.storeReadsPerSec, values.writeBps],
    [1000, 0.75, 0.5, 0],
  )
  assert.equal(values.cpu, 0.01)
  const idle = sampler.take(
    numbers(4000, { fuse_read_size_bytes_sum: 2100, blockcache_hits: 3, blockcache_miss: 1 }),
  )!
  assert.equal(idle.values.hitRate, null)
  assert.equal(sampler.recentHitRate, 0.75)
  // Objects on the disk of the cache: the bucket answers, and no cache was asked.
  const local = numbers(5000, {
    blockcache_hits: 3,
    blockcache_miss: 1,
    blockcache_miss_bytes: 10,
    object_local_reads: 4,
    object_local_read_bytes: 4096,
    fuse_opens: 9,
    fuse_opens_kept: 7,
  })
  const inPlace = sampler.take(local)!
  assert.deepEqual([inPlace.values.storeReadsPerSec, inPlace.values.hitRate], [4, null])
  const { tiers, kernel, fetchedBytes } = sampler.detail(local, 0)!
  assert.deepEqual(tiers.at(-1), { tier: 'store', reads: 5, bytes: 4106 })
  assert.deepEqual([kernel, fetchedBytes], [{ opens: 9, keptOpens: 7 }, 4096])
})

test('pauses before a restart grow from a second to five minutes', () => {
  assert.deepEqual([1, 2, 3, 9, 10, 50].map(backOffMs), [1000, 2000, 4000, 256_000, 300_000, 300_000])
})

test('a forecast says when it is full, and nothing where it cannot', () => {
  const day = 86_400_000
  const at = (days: number, usedBytes: number) => ({ atMs: days * day, usedBytes })
  assert.equal(forecastOf({ points: [at(0, 10)] }, 100), null)
  assert.equal(forecastOf({ points: [at(0, 10), at(1, 11)] }, null), null)
  assert.match(forecastOf({ points: [at(0, 10), at(1, 12)] }, 92)!.sentence, /full in about 40 days/)
  assert.equal(forecastOf({ points: [at(0, 10), at(1, 12)] }, 92)!.fullAtMs, 41 * day)
  assert.match(forecastOf({ points: [at(0, 10), at(1, 10)] }, 92)!.sentence, /does not grow/)
})

test('names go through JSON exactly, whatever their bytes', (t) => {
  const names = [
    'plain',
    'Ã¼',
    '\xff',
    'a\xc3',
    '\xed\xa0\x80',
    '\xf0\x9f\x8d\x8a',
    '\xe2\x82',
    '\xed\xb2\x80',
  ]
  for (const name of names) assert.equal(nameFromExact(JSON.parse(JSON.stringify(exactText(name)))), name)
  assert.equal(exactText('\xc3\xbc'), 'ü')
  const seed = Math.floor(Math.random() * 2 ** 32)
  t.diagnostic(`seed ${seed}`)
  const random = seededRandom(seed)
  for (let n = 0; n < 500; n++) {
    const name = Array.from({ length: 8 }, () =>
      String.fromCharCode(1 + Math.floor(random.next() * 255)),
    ).join('')
    assert.equal(nameFromExact(exactText(name)), name)
  }
})

test('a password is taken out of an address', () => {
  assert.deepEqual(splitPassword('redis://u:p%40ss@h:1/2'), { url: 'redis://u@h:1/2', password: 'p@ss' })
  assert.deepEqual(splitPassword('redis://:p@ss@h/2'), { url: 'redis://h/2', password: 'p@ss' })
  assert.deepEqual(splitPassword('sqlite3:///a/b.db'), { url: 'sqlite3:///a/b.db', password: undefined })
})

test('presets fill in the address of a bucket, and the command line says the same without secrets', () => {
  const aws = STORE_PRESETS.find(({ key }) => key === 'aws')!
  assert.equal(bucketOf(aws, { bucket: 'b' }), undefined)
  const bucket = bucketOf(aws, { bucket: 'b', region: 'eu-west-1' })!
  assert.equal(bucket, 'https://b.s3.eu-west-1.amazonaws.com')
  const line = formatCommand(
    {
      metaUrl: 'redis://h/1',
      volumeName: 'team',
      storage: 's3',
      bucket,
      compression: 'zstd',
      trashDays: 0,
      encryptionKeyPem: 'PEM',
    },
    { hasKeys: true, hasMetaPassword: true },
  )
  assert.equal(
    line,
    'META_PASSWORD=… ACCESS_KEY=… SECRET_KEY=… JFS_RSA_PASSPHRASE=… pomelo format redis://h/1 team --storage s3 ' +
      `--bucket ${bucket} --compress zstd --encrypt-rsa-key key.pem --trash-days 0`,
  )
})
