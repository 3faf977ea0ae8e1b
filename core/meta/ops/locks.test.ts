import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, systemClock } from '#core/base/clock.ts'
import { type OpContext, rootContext } from '#core/base/context.ts'
import { EAGAIN, EDEADLK, EINTR, EINVAL, FsError } from '#core/base/errno.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import { below, seededRandom } from '#core/base/random.ts'
import type { LockRange, LockType } from '../api.ts'
import { TYPE_FILE } from '../records.ts'
import { watched } from '../test-engine.ts'
import { openTestClients, openTestVolume, refuses, type TestClient, until } from '../test-volume.ts'
import type { VolumeMeta } from '../volume-meta.ts'

const ROOT = rootContext()
const END = 2n ** 63n - 1n

function range(type: LockType, start: number, end: number, pid = 1): LockRange {
  return { type, start: BigInt(start), end: BigInt(end), pid }
}

const WHOLE: LockRange = { type: 'W', start: 0n, end: END, pid: 1 }

async function withFile(
  body: (client: TestClient, ino: Ino, calls: string[]) => Promise<void>,
): Promise<void> {
  const { wrap, calls } = watched()
  const client = await openTestVolume({ wrap })
  try {
    const { ino } = await client.meta.mknod(ROOT, ROOT_INO, 'f', { type: TYPE_FILE, mode: 0o644 })
    await client.settle()
    calls.length = 0
    await body(client, ino, calls)
  } finally {
    await client.close()
  }
}

async function withTwo(
  body: (a: VolumeMeta, b: VolumeMeta, ino: Ino) => Promise<void>,
  clock: Clock = systemClock,
): Promise<void> {
  const { clients, close } = await openTestClients(2, { clock })
  try {
    const { ino } = await clients[0]!.meta.mknod(ROOT, ROOT_INO, 'f', { type: TYPE_FILE, mode: 0o644 })
    await body(clients[0]!.meta, clients[1]!.meta, ino)
  } finally {
    await close()
  }
}

/** Until so many requests wait for their locks: then they sleep, which nothing else does here. */
async function untilWaiting({ clock }: TestClient, count: number): Promise<void> {
  await until(() => clock.sleeping === count)
}

function interruptible(): { ctx: OpContext; interrupt(): void } {
  const abort = new AbortController()
  return { ctx: rootContext(abort.signal), interrupt: () => abort.abort() }
}

test('BSD locks: readers share, a writer is alone, unlocking frees', async () => {
  await withFile(async ({ meta }, ino) => {
    await meta.flock(ROOT, ino, 1n, 'R', false)
    await meta.flock(ROOT, ino, 2n, 'R', false)
    await refuses(EAGAIN, meta.flock(ROOT, ino, 3n, 'W', false))
    await refuses(EAGAIN, meta.flock(ROOT, ino, 1n, 'W', false))
    await meta.flock(ROOT, ino, 2n, 'U', false)
    await meta.flock(ROOT, ino, 1n, 'W', false)
    await refuses(EAGAIN, meta.flock(ROOT, ino, 2n, 'R', false))
    await meta.flock(ROOT, ino, 1n, 'R', false)
    await meta.flock(ROOT, ino, 2n, 'R', false)
  })
})

test('BSD locks of two clients see each other', async () => {
  await withTwo(async (a, b, ino) => {
    await a.flock(ROOT, ino, 1n, 'W', false)
    await refuses(EAGAIN, b.flock(ROOT, ino, 1n, 'R', false))
    await a.flock(ROOT, ino, 1n, 'U', false)
    await b.flock(ROOT, ino, 1n, 'R', false)
  })
})

test('owners are 64 bits', async () => {
  await withFile(async ({ meta }, ino) => {
    const owner = 2n ** 64n - 1n
    await meta.setlk(ROOT, ino, owner, WHOLE, false)
    await meta.flock(ROOT, ino, owner, 'W', false)
    assert.equal((await meta.getlk(ROOT, ino, owner, WHOLE)).type, 'U')
    await refuses(EAGAIN, meta.setlk(ROOT, ino, 1n, WHOLE, false))
    await meta.setlk(ROOT, ino, owner, { ...WHOLE, type: 'U' }, false)
    await meta.flock(ROOT, ino, owner, 'U', false)
    await meta.setlk(ROOT, ino, 1n, WHOLE, false)
    await meta.flock(ROOT, ino, 1n, 'W', false)
  })
})

test('a waiting lock is granted at once when this client unlocks', async () => {
  await withFile(async (client, ino) => {
    const { meta } = client
    for (const lock of [
      (owner: bigint, type: LockType, wait: boolean) => meta.flock(ROOT, ino, owner, type, wait),
      (owner: bigint, type: LockType, wait: boolean) =>
        meta.setlk(ROOT, ino, owner, { ...WHOLE, type }, wait),
    ]) {
      await lock(1n, 'W', false)
      const waiting = [lock(2n, 'R', true), lock(3n, 'R', true)]
      await untilWaiting(client, 2)
      await lock(1n, 'U', false)
      await Promise.all(waiting) // the clock stands still: nothing was polled
      await lock(2n, 'U', false)
      await lock(3n, 'U', false)
    }
  })
})

test('a part that is unlocked or made a read lock wakes who waits for it', async () => {
  await withFile(async (client, ino) => {
    const { meta } = client
    await meta.setlk(ROOT, ino, 1n, range('W', 0, 99), false)
    const reader = meta.setlk(ROOT, ino, 2n, range('R', 50, 59), true)
    const writer = meta.setlk(ROOT, ino, 3n, range('W', 90, 99), true)
    await untilWaiting(client, 2)
    await meta.setlk(ROOT, ino, 1n, range('R', 40, 69), false)
    await reader
    await untilWaiting(client, 1)
    await meta.setlk(ROOT, ino, 1n, range('U', 80, 200), false)
    await writer
  })
})

test('a wait for a lock of another client ends soon after it is freed', async () => {
  /** How long each pause between two questions was to be. */
  const pauses: number[] = []
  const clock: Clock = {
    ...systemClock,
    sleep: (ms, signal) => {
      pauses.push(ms)
      return systemClock.sleep(ms, signal)
    },
  }
  await withTwo(async (a, b, ino) => {
    await a.flock(ROOT, ino, 1n, 'W', false)
    await a.setlk(ROOT, ino, 1n, range('W', 0, 9), false)
    pauses.length = 0
    const waiting = [b.flock(ROOT, ino, 2n, 'W', true), b.setlk(ROOT, ino, 2n, range('R', 5, 5), true)]
    await until(() => pauses.length > 20)
    await a.flock(ROOT, ino, 1n, 'U', false)
    await a.setlk(ROOT, ino, 1n, { ...WHOLE, type: 'U' }, false)
    await Promise.all(waiting)
    assert.ok(Math.max(...pauses) <= 40, `paused for ${Math.max(...pauses)} ms`)
  }, clock)
})

test('an interrupted wait is EINTR and holds nothing', async () => {
  await withFile(async (client, ino) => {
    const { meta } = client
    await meta.flock(ROOT, ino, 1n, 'W', false)
    await meta.setlk(ROOT, ino, 1n, WHOLE, false)
    const { ctx, interrupt } = interruptible()
    const waiting = [meta.flock(ctx, ino, 2n, 'R', true), meta.setlk(ctx, ino, 2n, WHOLE, true)]
    const ended = Promise.all(waiting.map((lock) => refuses(EINTR, lock)))
    await untilWaiting(client, 2)
    interrupt()
    await ended
    await meta.flock(ROOT, ino, 1n, 'U', false)
    await meta.flock(ROOT, ino, 3n, 'W', false)
    assert.equal((await meta.getlk(ROOT, ino, 1n, WHOLE)).type, 'U')
  })
})

test('two owners that would wait for each other: the second is told EDEADLK, across files too', async () => {
  await withFile(async (client, ino) => {
    const { meta } = client
    const { ino: second } = await meta.mknod(ROOT, ROOT_INO, 'g', { type: TYPE_FILE, mode: 0o644 })
    await meta.setlk(ROOT, ino, 1n, WHOLE, false)
    await meta.setlk(ROOT, second, 2n, WHOLE, false)
    const waiting = meta.setlk(ROOT, ino, 2n, WHOLE, true)
    await untilWaiting(client, 1)
    await refuses(EDEADLK, meta.setlk(ROOT, second, 1n, WHOLE, true))
    await meta.setlk(ROOT, ino, 1n, { ...WHOLE, type: 'U' }, false)
    await waiting
  })
})

test('waiting for one who waits for a third is no deadlock', async () => {
  await withFile(async (client, ino) => {
    const { meta } = client
    await meta.setlk(ROOT, ino, 1n, range('W', 0, 9), false)
    await meta.setlk(ROOT, ino, 2n, range('W', 10, 19), false)
    const second = meta.setlk(ROOT, ino, 2n, range('W', 0, 9), true)
    await untilWaiting(client, 1)
    const third = meta.setlk(ROOT, ino, 3n, range('W', 10, 19), true)
    await untilWaiting(client, 2)
    await meta.setlk(ROOT, ino, 1n, { ...WHOLE, type: 'U' }, false)
    await second
    await meta.setlk(ROOT, ino, 2n, { ...WHOLE, type: 'U' }, false)
    await third
  })
})

test('two readers that both wait to become the writer do not wait forever', async () => {
  await withFile(async ({ meta }, ino) => {
    await meta.flock(ROOT, ino, 1n, 'R', false)
    await meta.flock(ROOT, ino, 2n, 'R', false)
    const both = [1n, 2n].map(async (owner) => {
      await meta.flock(ROOT, ino, owner, 'W', true)
      await meta.flock(ROOT, ino, owner, 'U', false)
    })
    await Promise.all(both)
  })
})

test('a query names the first lock in the way, with the pid only when it is this client’s', async () => {
  await withTwo(async (a, b, ino) => {
    await a.setlk(ROOT, ino, 1n, range('R', 50, 59, 11), false)
    await a.setlk(ROOT, ino, 2n, range('W', 20, 29, 12), false)
    await b.setlk(ROOT, ino, 2n, range('R', 70, 79, 13), false)
    assert.deepEqual(await a.getlk(ROOT, ino, 3n, range('W', 0, 99)), range('W', 20, 29, 12))
    assert.deepEqual(await a.getlk(ROOT, ino, 3n, range('W', 30, 99)), range('R', 50, 59, 11))
    assert.deepEqual(await a.getlk(ROOT, ino, 3n, range('W', 60, 99)), range('R', 70, 79, 0))
    assert.deepEqual(await b.getlk(ROOT, ino, 3n, range('W', 60, 99)), range('R', 70, 79, 13))
    assert.equal((await a.getlk(ROOT, ino, 2n, range('R', 0, 99))).type, 'U')
    assert.equal((await b.getlk(ROOT, ino, 2n, range('R', 0, 99))).type, 'W') // same number, other client
    await assert.rejects(
      a.getlk(ROOT, ino, 1n, range('R', 5, 4)),
      (e) => e instanceof FsError && e.errno === EINVAL,
    )
  })
})

test('releasing what was never locked costs nothing, releasing what was costs one commit', async () => {
  await withFile(async ({ meta }, ino, calls) => {
    await meta.flock(ROOT, ino, 1n, 'U', false)
    await meta.setlk(ROOT, ino, 1n, { ...WHOLE, type: 'U' }, false)
    await meta.setlk(ROOT, ino, 1n, range('U', 5, 6), false)
    assert.deepEqual(calls, [])
    await meta.setlk(ROOT, ino, 1n, range('R', 5, 6), false)
    calls.length = 0
    await meta.setlk(ROOT, ino, 1n, { ...WHOLE, type: 'U' }, false)
    assert.deepEqual(calls, ['commit unlock'])
  })
})

test('many who want one lock each get it once', async () => {
  await withTwo(async (a, b, ino) => {
    let holders = 0
    const work = Array.from({ length: 12 }, async (_, k) => {
      const meta = k % 2 === 0 ? a : b
      const owner = BigInt(k + 1)
      await meta.flock(ROOT, ino, owner, 'W', true)
      assert.equal(++holders, 1)
      await new Promise((resolve) => setImmediate(resolve))
      holders--
      await meta.flock(ROOT, ino, owner, 'U', false)
    })
    await Promise.all(work)
  })
})

test('any sequence of byte-range locks by two clients is granted and refused as a byte map says', async () => {
  const SPAN = 12
  const OWNERS = 4
  await withTwo(async (a, b, ino) => {
    const held = Array.from({ length: OWNERS }, () => new Array<LockType>(SPAN).fill('U'))
    const random = seededRandom(7)
    for (let step = 0; step < 600; step++) {
      const who = below(random, OWNERS)
      const [meta, owner] = [who % 2 === 0 ? a : b, BigInt(who >> 1)]
      const start = below(random, SPAN)
      const end = start + below(random, SPAN - start)
      const type = (['R', 'W', 'U'] as const)[below(random, 3)]!
      const inTheWay = (byte: number) =>
        held.some((bytes, k) => k !== who && bytes[byte] !== 'U' && (type === 'W' || bytes[byte] === 'W'))
      const bytes = Array.from({ length: end - start + 1 }, (_, k) => start + k)
      const refused = type !== 'U' && bytes.some(inTheWay)
      const trace = `step ${step}: owner ${who} ${type} ${start}-${end}`
      const query = await meta.getlk(ROOT, ino, owner, range(type, start, end))
      assert.equal(query.type !== 'U', refused, `query, ${trace}`)
      const granted = await meta.setlk(ROOT, ino, owner, range(type, start, end), false).then(
        () => true,
        (error: unknown) => {
          assert.ok(error instanceof FsError && error.errno === EAGAIN, trace)
          return false
        },
      )
      assert.equal(granted, !refused, trace)
      if (granted) held[who]!.fill(type, start, end + 1)
    }
  })
})
