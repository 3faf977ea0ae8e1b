import assert from 'node:assert/strict'
import test from 'node:test'
import { systemClock } from './clock.ts'
import { EIO, ENOENT, fail } from './errno.ts'
import { type OperationTrace, type RequestTrace, type StartedOperation, Trace } from './trace.ts'

const WHO = { pid: 7, uid: 1000 }
const block = (key: string) => () => ({ key, bytes: 10 })

function watched(): {
  trace: Trace
  started: StartedOperation[]
  ended: OperationTrace[]
  late: (readonly [RequestTrace, StartedOperation | undefined])[]
  stop: () => void
} {
  const trace = new Trace(systemClock)
  const started: StartedOperation[] = []
  const ended: OperationTrace[] = []
  const late: (readonly [RequestTrace, StartedOperation | undefined])[] = []
  const stop = trace.watch({
    started: (operation) => started.push(operation),
    ended: (operation) => ended.push(operation),
    late: (request, cause) => late.push([request, cause]),
  })
  return { trace, started, ended, late, stop }
}

test('a request belongs to the operation that waits for it, however many run at once', async () => {
  const { trace, ended } = watched()
  const read = (ino: number, ms: number) =>
    trace.operation('read', WHO, { ino, offset: 0, size: 10 }, async () => {
      await systemClock.sleep(1)
      await trace.request('store', block(`key-${ino}`), systemClock.sleep(ms))
    })
  await Promise.all([read(1, 20), read(2, 5)])
  assert.deepEqual(
    ended.map(({ op, ino, pid, errno, requests }) => [op, ino, pid, errno, requests.map(({ key }) => key)]),
    [
      ['read', 2, 7, 0, ['key-2']],
      ['read', 1, 7, 0, ['key-1']],
    ],
  )
  const [{ ms, requests }] = ended.slice(1) as [OperationTrace]
  assert.ok(requests[0]!.ms >= 19 && ms >= requests[0]!.ms, `${ms} ms, ${requests[0]!.ms} ms of them waiting`)
})

test('who watches hears of an operation before anything is done for it', async () => {
  const { trace, started, ended } = watched()
  await trace.operation('read', WHO, { ino: 1 }, async () => {
    assert.deepEqual(
      started.map(({ op, pid }) => [op, pid]),
      [['read', WHO.pid]],
    )
  })
  assert.equal(ended[0]!.seq, started[0]!.seq)
})

test('a failure carries its errno, and a missing name the one that its result means', async () => {
  const { trace, ended } = watched()
  const broken = trace.operation('read', WHO, { ino: 1 }, () =>
    trace.request('store', block('k'), Promise.reject(fail(EIO, 'get', 'the bucket is away'))),
  )
  await assert.rejects(broken)
  await trace.operation(
    'lookup',
    WHO,
    { ino: 1, name: 'x' },
    async () => undefined,
    () => ENOENT,
  )
  assert.deepEqual(
    ended.map(({ errno }) => errno),
    [EIO, ENOENT],
  )
  assert.match(ended[0]!.requests[0]!.failed!, /the bucket is away/)
})

test('what ends after its operation is told late, with the operation that caused it', async () => {
  const { trace, ended, late } = watched()
  let upload: Promise<void> | undefined
  await trace.operation('write', WHO, { ino: 5 }, async () => {
    upload = trace.request('upload', block('k'), systemClock.sleep(5))
  })
  await upload
  await trace.request('store', block('read-ahead'), Promise.resolve())
  assert.deepEqual(ended[0]!.requests, [])
  assert.deepEqual(
    late.map(([{ key }, cause]) => [key, cause?.op, cause?.ino]),
    [
      ['k', 'write', 5],
      ['read-ahead', undefined, undefined],
    ],
  )
})

test('nobody watching, nothing is made: not even the description of a block', async () => {
  const { trace, ended, stop } = watched()
  stop()
  assert.equal(trace.active, false)
  const work = Promise.resolve(3)
  const told = trace.request('store', () => assert.fail('described'), work)
  assert.equal(told, work)
  assert.deepEqual(ended, [])
})
