/** What every object store must do; run on each of them. */
import assert from 'node:assert/strict'
import { createCipheriv } from 'node:crypto'
import { test } from 'node:test'
import { BackendError, type BackendErrorKind } from '#core/base/errno.ts'
import type { ObjectStore } from './store.ts'
import { gathered } from './streams.ts'

export function failsWith(...kinds: BackendErrorKind[]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof BackendError, `not a BackendError: ${error}`)
    assert.ok(kinds.includes(error.kind), `${error.kind}: ${error.message}`)
    return true
  }
}

export async function keysOf(store: ObjectStore, prefix: string, after?: string): Promise<string[]> {
  const keys: string[] = []
  for await (const info of store.list(prefix, { after })) keys.push(info.key)
  return keys
}

/** Incompressible bytes, the same for the same seed. */
export function randomBytes(size: number, seed = size): Buffer {
  const key = Buffer.alloc(16)
  key.writeDoubleBE(seed)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size))
}

/** The bytes, so many at a time. */
export async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

export interface SuiteOptions {
  readonly skip?: string | false
  /** Keys are paths of a file system: none can be the folder of another. */
  readonly hasFolders?: boolean
}

/** `open` gives an empty store; the caller closes what it made after the tests. */
export function storeSuite(
  name: string,
  open: () => Promise<ObjectStore>,
  { skip = false, hasFolders = false }: SuiteOptions = {},
): void {
  let opened: Promise<ObjectStore> | undefined
  const suite = (title: string, run: (store: ObjectStore) => Promise<void>): void => {
    test(`${name}: ${title}`, { skip, timeout: 60_000 }, async () => run(await (opened ??= open())))
  }

  suite('what was put comes back, whole and in ranges', async (store) => {
    for (const size of [0, 1, 4096, 100_001, 4 << 20]) {
      const bytes = randomBytes(size)
      const cut = Math.floor(size / 3)
      await store.put(`round/${size}`, [bytes.subarray(0, cut), bytes.subarray(cut)])
      assert.ok(bytes.equals(await store.get(`round/${size}`)), `whole ${size}`)
      const stored = (await store.head(`round/${size}`))?.size ?? -1
      assert.ok(store.canReadRange ? stored === size : stored > size, `size ${stored} of ${size}`)
      for (const [offset, length] of [
        [0, 1],
        [cut, 10],
        [Math.max(size - 5, 0), 100],
        [size + 3, 4],
        [0, 0],
      ] as const) {
        const part = await store.get(`round/${size}`, { offset, length })
        assert.ok(bytes.subarray(offset, offset + length).equals(part), `${size}: ${offset}+${length}`)
      }
    }
  })

  suite('a stream is one object, of any size, and comes back as a stream', async (store) => {
    for (const size of [0, 1, 100_001, 5 << 20, (13 << 20) + 7]) {
      const bytes = randomBytes(size)
      const key = `stream/${size}`
      await store.putStream(key, pieces(bytes, 300_000))
      assert.ok(bytes.equals(await store.get(key)), `whole ${size}`)
      assert.ok(bytes.equals(Buffer.concat(await gathered(store.getStream(key)))), `stream ${size}`)
    }
    await assert.rejects(gathered(store.getStream('stream/none')), failsWith('not-found'))
  })

  suite('of a stream that breaks nothing is stored, and what was there stays', async (store) => {
    await store.put('broken', [Buffer.from('before')])
    for (const size of [10, 12 << 20]) {
      async function* source(): AsyncGenerator<Uint8Array> {
        yield* pieces(randomBytes(size), 1 << 20)
        throw new RangeError('no more')
      }
      await assert.rejects(store.putStream('broken', source()), RangeError)
      assert.equal(Buffer.from(await store.get('broken')).toString(), 'before')
    }
    assert.deepEqual(await keysOf(store, 'broken'), ['broken'])
    const signal = AbortSignal.abort()
    await assert.rejects(
      store.putStream('broken', pieces(Buffer.alloc(5), 2), { signal }),
      failsWith('interrupted'),
    )
    assert.equal(Buffer.from(await store.get('broken')).toString(), 'before')
  })

  suite('a put replaces, and the parts may be reused after it', async (store) => {
    const bytes = Buffer.alloc(1000, 'a')
    await store.put('replace', [bytes])
    bytes.fill('b')
    assert.equal(Buffer.from(await store.get('replace')).toString(), 'a'.repeat(1000))
    await store.put('replace', [Buffer.from('short')])
    assert.equal(Buffer.from(await store.get('replace')).toString(), 'short')
  })

  suite('what get returns is the caller’s own', async (store) => {
    await store.put('own', [Buffer.from('mine')])
    const bytes = await store.get('own')
    bytes.fill(0)
    assert.equal(Buffer.from(await store.get('own')).toString(), 'mine')
  })

  suite('a missing object is not-found on get, nothing on head, success on delete', async (store) => {
    await assert.rejects(store.get('no/such'), failsWith('not-found'))
    await assert.rejects(store.get('no/such', { offset: 0, length: 5 }), failsWith('not-found'))
    assert.equal(await store.head('no/such'), undefined)
    await store.delete('no/such')
    await store.put('gone', [Buffer.from('x')])
    await store.delete('gone')
    assert.equal(await store.head('gone'), undefined)
  })

  suite('head tells size and a recent time', async (store) => {
    await store.put('head/me', [Buffer.alloc(321)])
    const info = await store.head('head/me')
    assert.equal(info?.key, 'head/me')
    assert.ok(Math.abs(info.mtimeMs - Date.now()) < 120_000, `${info.mtimeMs}`)
  })

  suite('a listing is in key order, by prefix, after a key', async (store) => {
    const keys = [
      'l/a/b',
      'l/a-b',
      'l/a.b',
      'l/b/1',
      'l/b/10',
      'l/b/2',
      'l/c d+e%41&',
      'l/ü',
      'l/\uffee',
      'l/😀',
      'lz',
    ]
    if (!hasFolders) keys.push('l/a')
    for (const key of keys) await store.put(key, [Buffer.from(key)])
    const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    assert.deepEqual(await keysOf(store, 'l'), sorted)
    assert.deepEqual(await keysOf(store, 'l/b/'), ['l/b/1', 'l/b/10', 'l/b/2'])
    assert.deepEqual(await keysOf(store, 'l/b/1'), ['l/b/1', 'l/b/10'])
    assert.deepEqual(await keysOf(store, 'l/x'), [])
    for (const after of sorted) {
      assert.deepEqual(await keysOf(store, 'l', after), sorted.slice(sorted.indexOf(after) + 1), after)
    }
    assert.deepEqual(await keysOf(store, 'l/', 'l/b/'), sorted.slice(sorted.indexOf('l/b/1'), -1))
  })

  suite('a listing that is left early ends', async (store) => {
    for (let n = 0; n < 5; n++) await store.put(`early/${n}`, [Buffer.from('x')])
    for await (const info of store.list('early/')) {
      assert.equal(info.key, 'early/0')
      break
    }
  })

  suite('many operations at a time do not mix up', async (store) => {
    const work = Array.from({ length: 40 }, async (_, n) => {
      const bytes = randomBytes(1000 + n * 997, n)
      await store.put(`many/${n % 20}/${n}`, [bytes])
      assert.ok(bytes.equals(await store.get(`many/${n % 20}/${n}`)))
      if (n % 3 === 0) await store.delete(`many/${n % 20}/${n}`)
    })
    await Promise.all(work)
    assert.equal((await keysOf(store, 'many/')).length, 26)
  })

  suite('sync takes keys that were put', async (store) => {
    await store.put('s/1/a', [Buffer.from('a')])
    await store.put('s/2/b', [Buffer.from('b')])
    await store.sync(['s/1/a', 's/2/b'])
    await store.sync([])
  })

  suite('a fired signal is interrupted', async (store) => {
    const signal = AbortSignal.abort()
    await store.put('sig', [Buffer.from('x')])
    await assert.rejects(store.get('sig', undefined, { signal }), failsWith('interrupted'))
    await assert.rejects(store.put('sig', [Buffer.from('y')], { signal }), failsWith('interrupted'))
    await assert.rejects(store.head('sig', { signal }), failsWith('interrupted'))
    await assert.rejects(store.delete('sig', { signal }), failsWith('interrupted'))
    assert.equal(Buffer.from(await store.get('sig')).toString(), 'x')
  })

  suite('create does no harm to what is there', async (store) => {
    await store.put('kept', [Buffer.from('x')])
    await store.create()
    assert.equal(Buffer.from(await store.get('kept')).toString(), 'x')
  })
}
