import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { ManualClock } from '#core/base/clock.ts'
import { rootContext } from '#core/base/context.ts'
import { ROOT_INO } from '#core/base/ino.ts'
import { type Log, silentLog } from '#core/base/log.ts'
import { seededRandom } from '#core/base/random.ts'
import { openEngine } from '#core/meta/open-meta.ts'
import { TYPE_FILE } from '#core/meta/records.ts'
import { problemsOf } from '#core/meta/test-invariants.ts'
import { openTestClients, openTestVolume } from '#core/meta/test-volume.ts'
import { MemoryObjectStore } from '#core/object/memory.ts'
import { gathered } from '#core/object/streams.ts'
import { withFaults } from '#core/object/with-faults.ts'
import { loadVolume } from '../dump/load.ts'
import { findBackup, listBackups, makeBackup, readBackup, rotateBackups } from './backup.ts'
import { BackupJob, LAST_BACKUP, lastBackup } from './job.ts'
import { backupName, backupTime } from './names.ts'
import { expiredBackups } from './retention.ts'
import { backupStatus } from './status.ts'

async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await gathered(pieces))
}

const DAY = 86_400
const NOW = Date.UTC(2026, 10, 25, 21, 30) / 1000

test('names carry their time, and nothing else is a backup', () => {
  assert.equal(backupName(NOW), 'dump-2026-11-25-213000.json.gz')
  assert.equal(backupTime('dump-2026-11-25-213000.json.gz'), NOW)
  for (const name of [
    'dump-2026-02-31-213000.json.gz',
    'dump-2026-11-25-216000.json.gz',
    'dump-2026-11-25-213000.json',
    'dump-2026-11-25-213000.json.gz.old',
    'notes.txt',
  ])
    assert.equal(backupTime(name), undefined, name)
})

test('kept are all of two days, one a day, one in 7 days, one in 30 days, none after two years', () => {
  const hourly = Array.from({ length: 24 * 800 }, (_, k) => backupName(NOW - k * 3600))
  const kept = (names: readonly string[], now: number) => {
    const expired = new Set(expiredBackups(names, now))
    return names.filter((name) => !expired.has(name))
  }
  const left = kept([...hourly, 'mine.txt'], NOW)
  assert.ok(left.includes('mine.txt'))
  const count = (from: number, to: number) =>
    left.filter((name) => {
      const age = (NOW - (backupTime(name) ?? Number.NaN)) / DAY
      return age > from && age <= to
    }).length
  assert.equal(count(-1, 2), 49)
  assert.ok(count(2, 14) >= 12 && count(2, 14) <= 13)
  assert.ok(count(14, 60) >= 6 && count(14, 60) <= 8)
  assert.ok(count(60, 730) >= 22 && count(60, 730) <= 24)
  assert.equal(count(730, 10_000), 0)
})

test('a day at a time for three years leaves the same picture, and no gap', () => {
  let names: string[] = []
  for (let day = 0; day < 1100; day++) {
    const now = NOW + day * DAY
    names.push(backupName(now))
    const expired = new Set(expiredBackups(names, now))
    names = names.filter((name) => !expired.has(name))
  }
  const ages = names.map((name) => (NOW + 1099 * DAY - backupTime(name)!) / DAY).sort((a, b) => a - b)
  const gap = (from: number, to: number) =>
    Math.max(...ages.slice(1).map((age, k) => (age > from && age <= to ? age - ages[k]! : 0)))
  assert.ok(gap(0, 14) <= 1 && gap(14, 60) <= 14 && gap(60, 700) <= 60, ages.join(' '))
  assert.ok(ages.at(-1)! > 690)
  assert.ok(names.length < 60)
})

test('a backup holds the tree without secrets, and a volume comes back from the newest', async () => {
  const client = await openTestVolume({ setting: { SecretKey: 'hush', TrashDays: 1 } })
  const { meta, engine, clock } = client
  await meta.mknod(rootContext(), ROOT_INO, 'file', { type: TYPE_FILE, mode: 0o644 })
  await client.settle()
  const store = new MemoryObjectStore()
  const parts = { engine, store, clock }
  const first = await makeBackup(parts, {})
  assert.equal(first.size, store.objects.get(`meta/${first.name}`)!.bytes.length)
  const text = gunzipSync(await bytesOf(readBackup(store, await findBackup(store, 'latest')))).toString()
  assert.ok(text.includes('"file": {') && !text.includes('hush'))
  await clock.advance(60_000)
  const second = await makeBackup(parts, {})
  assert.deepEqual(await listBackups(store), [first, second])
  const newest = await findBackup(store, 'latest')
  assert.equal(newest.name, second.name)
  await assert.rejects(findBackup(store, 'dump-none'), /no backup dump-none/)
  const copy = await openEngine('sqlite3://:memory:')
  await loadVolume(copy, readBackup(store, newest), { skipSlices: 1000 })
  assert.deepEqual(await problemsOf(copy), [])
  const [before, after] = [engine, copy].map((each) => each.read([{ kind: 'counter', name: 'nextChunk' }]))
  assert.equal((await after!)[0], (await before!)[0]! + 1000)
  await copy.close()
  await client.close()
})

test('old backups go, other objects stay', async () => {
  const store = new MemoryObjectStore()
  const clock = new ManualClock(NOW * 1000)
  const old = [`meta/${backupName(NOW - 3000 * DAY)}`, `meta/${backupName(NOW - 10.1 * DAY + 60)}`]
  for (const key of [...old, `meta/${backupName(NOW - 10.1 * DAY)}`, 'meta/mine', 'chunks/0/0/1_0_5'])
    await store.put(key, [Buffer.from('x')])
  assert.deepEqual(
    (await rotateBackups({ store, clock })).map((name) => `meta/${name}`),
    old,
  )
  assert.equal(store.objects.size, 3)
})

/** Move the clock, and let what it wakes come to its end. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 60_000) {
    await clock.advance(Math.min(left, 60_000))
    for (let k = 0; k < 20; k++) await turn()
  }
  await new Promise((resolve) => setTimeout(resolve, 50)) // gzip has threads of its own
}

function jobs(
  clients: readonly { engine: Parameters<typeof lastBackup>[0]; clock: ManualClock }[],
  store: Parameters<typeof listBackups>[0],
  { log = silentLog, intervalSec = 3600 }: { log?: Log; intervalSec?: number } = {},
) {
  return clients.map(({ engine, clock }, k) => {
    const job = new BackupJob({ engine, clock, store, log, random: seededRandom(k) }, { intervalSec })
    job.start()
    return job
  })
}

test('of two clients one makes each backup', async () => {
  const { clients, close } = await openTestClients(2)
  const { clock, engine } = clients[0]!
  const store = new MemoryObjectStore()
  const running = jobs(clients, store)
  await pass(clock, 5 * 60_000)
  assert.equal((await listBackups(store)).length, 0)
  await pass(clock, 3 * 60_000)
  assert.equal((await listBackups(store)).length, 1)
  await pass(clock, 50 * 60_000)
  assert.equal((await listBackups(store)).length, 1)
  await pass(clock, 20 * 60_000)
  const backups = await listBackups(store)
  assert.equal(backups.length, 2)
  assert.equal(await lastBackup(engine), backups[1]!.sec)
  const [text] = await engine.read([{ kind: 'xattr', ino: ROOT_INO, name: LAST_BACKUP }])
  assert.match(Buffer.from(text!).toString(), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  for (const job of running) await job.stop()
  await close()
})

test('one that fails is told, gives the turn back and is made later', async () => {
  const client = await openTestVolume()
  const errors: string[] = []
  const log = { ...silentLog, error: (text: string) => void errors.push(text) }
  const memory = new MemoryObjectStore()
  const store = withFaults(memory, { errors: 1, ops: ['put'] })
  const [job] = jobs([client], store, { log })
  await pass(client.clock, 7 * 60_000)
  assert.equal(errors.length, 1)
  assert.match(job!.outcome!.error!, /./)
  assert.equal(await lastBackup(client.engine), undefined)
  store.faults.errors = 0
  await pass(client.clock, 7 * 60_000)
  const [backup] = await listBackups(memory)
  assert.deepEqual(job!.outcome, { at: backup!.sec, name: backup!.name })
  assert.deepEqual(await backupStatus({ engine: client.engine, store }), {
    Last: new Date(backup!.sec * 1000).toISOString(),
    Newest: backup!.name,
    Size: backup!.size,
    Count: 1,
  })
  await job!.stop()
  await client.close()
})

test('a large volume is left alone within the hour, and said once', async () => {
  const client = await openTestVolume()
  await client.engine.commit('test', [], [{ kind: 'putCounter', name: 'totalInodes', value: 1_000_001 }])
  const warnings: string[] = []
  const log = { ...silentLog, warn: (text: string) => void warnings.push(text) }
  const store = new MemoryObjectStore()
  const [short] = jobs([client], store, { log })
  await pass(client.clock, 30 * 60_000)
  await short!.stop()
  assert.equal(store.objects.size, 0)
  assert.equal(warnings.filter((text) => text.includes('1,000,000')).length, 1)
  const [long] = jobs([client], store, { intervalSec: 7200 })
  await pass(client.clock, 30 * 60_000)
  assert.equal(store.objects.size, 1)
  await long!.stop()
  await client.close()
})

test('stopping gives up a backup under way, and the turn', async () => {
  const client = await openTestVolume()
  const store = withFaults(new MemoryObjectStore(), { hangs: 1, ops: ['put'] })
  const [job] = jobs([client], store)
  await pass(client.clock, 7 * 60_000)
  assert.notEqual(await lastBackup(client.engine), undefined)
  await job!.stop()
  assert.equal(await lastBackup(client.engine), undefined)
  assert.equal(job!.outcome, undefined)
  await client.close()
})
