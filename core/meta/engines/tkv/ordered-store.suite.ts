/** What every ordered store must do. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { endOf, type Key, type OrderedStore, under, type Writes } from './ordered-store.ts'

export interface StorePlace {
  open(): Promise<OrderedStore>
  /** Nobody else writes keys under it. */
  readonly prefix: Key
}

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')
const texts = (values: readonly (Uint8Array | null)[]): (string | null)[] =>
  values.map((value) => value && Buffer.from(value).toString('latin1'))

async function write(store: OrderedStore, ...pairs: readonly (readonly [Key, string | null])[]) {
  const writes: Writes = new Map(pairs.map(([key, value]) => [key, value === null ? null : bytes(value)]))
  assert.equal(await (await store.begin()).commit([], writes), true)
}

export function storeSuite(name: string, place: (t: TestContext) => Promise<StorePlace>): void {
  const suite = (
    title: string,
    work: (p: Key, store: OrderedStore, other: OrderedStore) => Promise<void>,
  ): void => {
    test(`${name}: ${title}`, async (t) => {
      const { open, prefix } = await place(t)
      const stores = [await open(), await open()] as const
      t.after(() => Promise.all(stores.map((store) => store.close())))
      await work(prefix, ...stores)
    })
  }

  suite('values are read in the order asked, whatever the bytes of their keys', async (p, store, other) => {
    await write(store, [`${p}a`, '1'], [`${p}\xff\x00`, '\x00\xff'], [`${p}b`, '3'])
    const keys = [`${p}\xff\x00`, `${p}none`, `${p}a`, `${p}a`]
    assert.deepEqual(texts(await other.get(keys)), ['\x00\xff', null, '1', '1'])
    await write(other, [`${p}a`, null])
    assert.deepEqual(texts(await store.get([`${p}a`])), [null])
    assert.deepEqual(await store.get([]), [])
  })

  suite('a scan goes both ways, ends where it should, and says when there is no more', async (p, store) => {
    await write(store, ...['a', 'b', 'b\x00', 'b\xff', 'c'].map((key) => [p + key, key] as const))
    const keys = async (from: string, to: string, limit: number, reverse = false) =>
      (await store.scan({ from: p + from, to: p + to }, { limit, reverse })).map(({ key, value }) => {
        assert.equal(texts([value])[0], key.slice(p.length))
        return key.slice(p.length)
      })
    assert.deepEqual(await keys('a', 'd', 10), ['a', 'b', 'b\x00', 'b\xff', 'c'])
    assert.deepEqual(await keys('b', 'c', 10), ['b', 'b\x00', 'b\xff'])
    assert.deepEqual(await keys('a', 'd', 2), ['a', 'b'])
    assert.deepEqual(await keys('a', 'c', 2, true), ['b\xff', 'b\x00'])
    assert.deepEqual(await keys('d', 'e', 2, true), [])
    const some = await store.scan(under(`${p}b`), { limit: 10, keysOnly: true })
    assert.deepEqual(
      some.map(({ key }) => key.slice(p.length)),
      ['b', 'b\x00', 'b\xff'],
    )
  })

  suite('a transaction sees the moment it began, and loses to who was faster', async (p, store, other) => {
    await write(store, [`${p}a`, '1'], [`${p}b`, '1'])
    const slow = await store.begin()
    await write(other, [`${p}a`, '2'], [`${p}c`, 'new'])
    assert.deepEqual(texts(await slow.get([`${p}a`, `${p}c`])), ['1', null])
    assert.equal((await slow.scan(under(p), { limit: 10 })).length, 2)
    assert.equal(await slow.commit([], new Map([[`${p}a`, bytes('3')]])), false)
    assert.deepEqual(texts(await store.get([`${p}a`])), ['2'])
  })

  suite('a guard that was changed, made or removed refuses the commit', async (p, store, other) => {
    await write(store, [`${p}a`, '1'], [`${p}b`, '1'])
    for (const [key, value] of [
      ['a', '2'],
      ['a', null],
      ['new', 'n'],
    ] as const) {
      const guarded = await store.begin()
      await write(other, [p + key, value])
      const writes: Writes = new Map([[`${p}b`, bytes('lost')]])
      assert.equal(await guarded.commit([p + key], writes), false)
      assert.deepEqual(texts(await other.get([`${p}b`])), ['1'])
    }
    const free = await store.begin()
    await write(other, [`${p}else`, '1'])
    assert.equal(await free.commit([`${p}a`, `${p}none`], new Map([[`${p}b`, bytes('2')]])), true)
    assert.deepEqual(texts(await other.get([`${p}b`])), ['2'])
  })

  suite('two that guard what the other writes do not both win', async (p, store, other) => {
    await write(store, [`${p}a`, '1'], [`${p}b`, '1'])
    const [one, two] = [await store.begin(), await other.begin()]
    const won = await Promise.all([
      one.commit([`${p}a`], new Map([[`${p}b`, bytes('2')]])),
      two.commit([`${p}b`], new Map([[`${p}a`, bytes('2')]])),
    ])
    assert.ok(!(won[0] && won[1]))
  })

  suite('who began before a key was guarded does not remove it', async (p, store, other) => {
    await write(store, [`${p}a`, '1'])
    const remover = await store.begin()
    assert.deepEqual(await remover.scan(under(`${p}b`), { limit: 1 }), [])
    const maker = await other.begin()
    assert.equal(await maker.commit([`${p}a`], new Map([[`${p}b`, bytes('1')]])), true)
    assert.equal(await remover.commit([], new Map([[`${p}a`, null]])), false)
    assert.deepEqual(texts(await store.get([`${p}a`, `${p}b`])), ['1', '1'])
  })

  suite('a range is removed and its neighbours stay', async (p, store) => {
    const keys = ['a', 'b', 'b1', 'c'].map((key) => p + key)
    await write(store, ...keys.map((key) => [key, 'x'] as const))
    await store.deleteRange(under(`${p}b`))
    assert.deepEqual(texts(await store.get(keys)), ['x', null, null, 'x'])
  })

  suite('a closed store answers "closed"', async (p, store) => {
    await store.close()
    await assert.rejects(store.get([p]), { kind: 'closed' })
    await assert.rejects(store.scan(under(`${p}a`), { limit: 1 }), { kind: 'closed' })
  })
}

test('the end of a prefix carries over 0xff', () => {
  assert.equal(endOf('a\xff\xff'), 'b')
  assert.equal(endOf('ab'), 'ac')
  assert.throws(() => endOf('\xff'), RangeError)
})
