import assert from 'node:assert/strict'
import test from 'node:test'
import { ManualClock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import { worstLevel } from '#core/base/finding.ts'
import { MemoryObjectStore } from '#core/object/memory.ts'
import type { ObjectStore } from '#core/object/store.ts'
import { type Faults, withFaults } from '#core/object/with-faults.ts'
import { type BucketCase, examineBucket } from './bucket.ts'
import { bucketClock, metadataClock } from './clocks.ts'
import { diagnosisOf } from './doctor.ts'
import { type MachineFacts, machineFindings } from './machine.ts'
import { roundTripFinding } from './metadata.ts'
import { timeEach } from './timings.ts'

const UUID = '0b9d2f6e-0000-4000-8000-000000000001'

const bucketCase = (store: ObjectStore, more: Partial<BucketCase> = {}): BucketCase => ({
  store,
  examiner: undefined,
  blockSize: 65536,
  uuid: UUID,
  ...more,
})

async function signedStore(): Promise<MemoryObjectStore> {
  const store = new MemoryObjectStore()
  await store.put('juicefs_uuid', [Buffer.from(UUID)])
  return store
}

const levels = (findings: readonly { readonly code: string; readonly level: string }[]) =>
  Object.fromEntries(findings.map(({ code, level }) => [code, level]))

test('a good bucket is said to be good, measured, and left as it was', async () => {
  const store = await signedStore()
  const { findings, figures } = await examineBucket(bucketCase(store))
  assert.equal(worstLevel(findings), 'ok')
  assert.ok(figures!.upBytesPerSec > 0 && figures!.downBytesPerSec > 0)
  assert.deepEqual([...store.objects.keys()], ['juicefs_uuid'])
})

const refusals: readonly (readonly [Faults['ops'][number], string])[] = [
  ['put', 'bucket-put'],
  ['list', 'bucket-list'],
  ['delete', 'bucket-delete'],
]
for (const [op, code] of refusals)
  test(`a bucket that refuses ${op} is a problem with that name, and a next step`, async () => {
    const store = withFaults(await signedStore(), { errors: 1, ops: [op], kind: 'denied' })
    const { findings } = await examineBucket(bucketCase(store))
    const found = findings.find((finding) => finding.code === code)
    assert.equal(found?.level, 'problem')
    assert.match(found?.next ?? '', /right on the bucket/)
    assert.equal(
      findings.some(({ code: other }) => other === 'bucket-permissions'),
      false,
    )
  })

test('objects that cannot be removed again are named', async () => {
  const inner = await signedStore()
  const store = withFaults(inner, { errors: 1, ops: ['delete'], kind: 'denied' })
  const { findings } = await examineBucket(bucketCase(store))
  const leftover = findings.find(({ code }) => code === 'bucket-leftover')
  for (const key of inner.objects.keys())
    if (key !== 'juicefs_uuid') assert.ok(leftover?.sentence.includes(key))
  assert.ok(inner.objects.size > 1)
})

test('trial objects whose put was answered with an error are removed too', async () => {
  const inner = await signedStore()
  const store = withFaults(inner, { lostAnswers: 1, ops: ['put'] })
  const { findings } = await examineBucket(bucketCase(store))
  assert.equal(levels(findings)['bucket-put'], 'problem')
  assert.deepEqual([...inner.objects.keys()], ['juicefs_uuid'])
})

test('an interrupted doctor ends at once and takes its objects out again', async () => {
  const inner = await signedStore()
  const interrupt = new AbortController()
  const store = withFaults(inner, { hangs: 1, ops: ['get'] })
  const examined = examineBucket(bucketCase(store, { uuid: undefined, signal: interrupt.signal }))
  while (inner.objects.size < 2) await new Promise((resolve) => setImmediate(resolve))
  interrupt.abort()
  await assert.rejects(examined, { name: 'AbortError' })
  assert.deepEqual([...inner.objects.keys()], ['juicefs_uuid'])
})

test('bytes that come back otherwise are a problem', async () => {
  const store = withFaults(await signedStore(), { truncated: 1, ops: ['get'] })
  const { findings } = await examineBucket(bucketCase(store, { uuid: undefined }))
  assert.equal(levels(findings)['bucket-get'], 'problem')
})

test('the data of another volume are a problem, and no speed is measured on them; unsigned data are a note', async () => {
  const other = await examineBucket(bucketCase(await signedStore(), { uuid: UUID.replace('1', '2') }))
  assert.equal(levels(other.findings)['bucket-owner'], 'problem')
  assert.equal(other.figures, undefined)
  const unsigned = await examineBucket(bucketCase(new MemoryObjectStore()))
  assert.equal(levels(unsigned.findings)['bucket-owner'], 'note')
})

test('a bucket that does not answer is one problem, not one for each request', async () => {
  const store = withFaults(await signedStore(), { errors: 1 })
  const { findings } = await examineBucket(bucketCase(store))
  assert.deepEqual(levels(findings), { 'bucket-unavailable': 'problem' })
})

test('a service that refuses uploads in parts is only warned of, and its clock is told', async () => {
  const examiner = {
    clockOffsetMs: async () => 90_000,
    multipart: () => Promise.reject(new BackendError('denied', 's3: AccessDenied')),
    close: () => {},
  }
  const { findings } = await examineBucket(bucketCase(await signedStore(), { examiner }))
  assert.equal(levels(findings)['bucket-multipart'], 'warning')
  assert.equal(levels(findings)['bucket-clock'], 'warning')
})

test('clocks that differ by what others notice are warned of, by a session’s life a problem, in both directions', () => {
  assert.equal(metadataClock(900).level, 'ok')
  assert.equal(metadataClock(-10_000).level, 'warning')
  assert.equal(metadataClock(45_000).level, 'problem')
  assert.match(metadataClock(45_000).sentence, /behind .* take this mount for dead/)
  assert.match(metadataClock(-45_000).sentence, /ahead of .* take others for dead/)
  assert.equal(bucketClock(5000).level, 'note')
  assert.equal(bucketClock(-1_000_000).level, 'problem')
})

test('a distance to the metadata is said as what work with files waits for', () => {
  const at = (medianMs: number) => roundTripFinding({ count: 50, medianMs, worstMs: medianMs * 2 })
  assert.equal(at(0.2).level, 'ok')
  assert.match(at(0.2).sentence, /0\.20 ms .* 10,000 files waits about 4s/)
  assert.equal(at(5).level, 'note')
  assert.equal(at(30).level, 'warning')
  assert.ok(at(30).next !== undefined)
})

const GOOD: MachineFacts = {
  platform: 'linux',
  isRoot: false,
  fuseDevice: 'usable',
  fusermount: '/usr/bin/fusermount3',
  mayMount: false,
  openFiles: 65536,
  cache: { folder: '/c', freeBytes: 50 * 2 ** 30, totalBytes: 100 * 2 ** 30, writable: true },
  metadataOn: undefined,
}

test('a machine that is ready is said to be', () => {
  assert.equal(worstLevel(machineFindings(GOOD)), 'ok')
})

const lacks: readonly (readonly [string, Partial<MachineFacts>, string, string])[] = [
  ['no /dev/fuse', { fuseDevice: 'missing' }, 'mount', 'problem'],
  ['no right to /dev/fuse', { fuseDevice: 'refused' }, 'mount', 'problem'],
  ['no fusermount3 for a user', { fusermount: undefined }, 'mount', 'problem'],
  [
    'no fusermount3 for a root who may not mount',
    { isRoot: true, fusermount: undefined },
    'mount',
    'problem',
  ],
  ['another system', { platform: 'darwin' }, 'mount', 'problem'],
  ['few open files', { openFiles: 1024 }, 'open-files', 'warning'],
  ['no right to the cache', { cache: { ...GOOD.cache!, writable: false } }, 'cache', 'warning'],
  ['a full cache disk', { cache: { ...GOOD.cache!, freeBytes: 10 * 2 ** 30 } }, 'cache', 'warning'],
  ['metadata on NFS', { metadataOn: 'NFS' }, 'metadata-file-system', 'warning'],
]
for (const [what, facts, code, level] of lacks)
  test(`a machine with ${what} is told, with a next step`, () => {
    const found = machineFindings({ ...GOOD, ...facts }).find((finding) => finding.code === code)
    assert.equal(found?.level, level)
    assert.ok(found?.next !== undefined)
  })

test('root who may mount needs no fusermount3', () => {
  const root = { ...GOOD, isRoot: true, mayMount: true, fusermount: undefined }
  assert.equal(worstLevel(machineFindings(root)), 'ok')
})

test('a diagnosis is as grave as its gravest finding', () => {
  const note = { level: 'note', code: 'a', sentence: 'A.' } as const
  const problem = { level: 'problem', code: 'b', sentence: 'B.' } as const
  const diagnosis = diagnosisOf({ metadata: [note], bucket: [problem], machine: [] }, {})
  assert.equal(diagnosis.level, 'problem')
  assert.deepEqual(
    diagnosis.findings.map(({ area, code }) => `${area} ${code}`),
    ['metadata a', 'bucket b'],
  )
})

test('timings stop when their time is over, after one round at least', async () => {
  const clock = new ManualClock()
  const slow = await timeEach(clock, 10, 1000, () => clock.advance(600))
  assert.deepEqual(slow, { count: 2, medianMs: 600, worstMs: 600 })
  const late = await timeEach(clock, 10, 100, () => clock.advance(600))
  assert.equal(late.count, 1)
})
