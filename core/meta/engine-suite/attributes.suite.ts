/** What belongs to an inode besides its node: symlink targets, xattrs, ACL rules, locks. */
import assert from 'node:assert/strict'
import { TRASH_INO } from '#core/base/ino.ts'
import { type Name, nameFromText } from '#core/base/name.ts'

import { all, apply, bytesOf, one, rule, type Suite, type SuiteOptions, slice } from './tools.suite.ts'

export function attributeTests(suite: Suite, options: SuiteOptions): void {
  suite('symlink targets and xattrs are bytes; an xattr may be empty', async (engine) => {
    const target = Buffer.from([0xff, 0x2f, 0x80])
    const empty = options.noEmptyValues ? slice(7) : new Uint8Array()
    if (options.noEmptyValues) {
      const put = apply(engine, { kind: 'putXattr', ino: 2, name: 'user.empty', value: new Uint8Array() })
      await assert.rejects(put, /EINVAL/)
    }
    const odd: Name = options.narrowColumns ? 'user.\x7f' : 'user.\xff'
    if (options.narrowColumns) {
      const put = apply(engine, { kind: 'putXattr', ino: 2, name: 'user.\xff', value: slice(0) })
      await assert.rejects(put, /EINVAL/)
      assert.equal(await one(engine, { kind: 'xattr', ino: 2, name: 'user.\xff' }), null)
    }
    await apply(
      engine,
      { kind: 'putSymlink', ino: 2, target },
      { kind: 'putXattr', ino: 2, name: 'user.empty', value: empty },
      { kind: 'putXattr', ino: 2, name: odd, value: slice(0) },
      { kind: 'putXattr', ino: 2, name: nameFromText('user.é'), value: slice(1) },
      { kind: 'putXattr', ino: 3, name: 'user.empty', value: slice(2) },
    )
    assert.deepEqual(bytesOf(await one(engine, { kind: 'symlink', ino: 2 })), new Uint8Array(target))
    const xattr = async (name: Name) => bytesOf(await one(engine, { kind: 'xattr', ino: 2, name }))
    assert.deepEqual(await xattr('user.empty'), empty)
    assert.deepEqual(await xattr(odd), slice(0))
    assert.deepEqual(await xattr(nameFromText('user.é')), slice(1))
    assert.deepEqual(
      (await all(engine, { kind: 'xattrs', ino: 2 })).map(({ name }) => name).sort(),
      ['user.empty', odd, nameFromText('user.é')].sort(),
    )
    await apply(engine, { kind: 'delXattr', ino: 2, name: odd })
    assert.equal(await one(engine, { kind: 'xattr', ino: 2, name: odd }), null)
    await apply(engine, { kind: 'delXattrs', ino: 2 }, { kind: 'delSymlink', ino: 2 })
    assert.equal(await one(engine, { kind: 'xattr', ino: 2, name: 'user.empty' }), null)
    assert.notEqual(await one(engine, { kind: 'xattr', ino: 3, name: 'user.empty' }), null)
    assert.equal(await one(engine, { kind: 'symlink', ino: 2 }), null)
  })

  suite('an ACL rule gets an id from 1 and stays as it is', async (engine) => {
    const id = await engine.insertAcl(rule)
    assert.equal(id, 1)
    assert.equal(await engine.insertAcl({ ...rule, users: [], groups: [] }), 2)
    assert.deepEqual(await one(engine, { kind: 'acl', id }), rule)
    assert.deepEqual(
      (await all(engine, { kind: 'acls' }, 1)).map((item) => item.id),
      [1, 2],
    )
  })

  suite('locks keep 64-bit owners and ranges', async (engine) => {
    const owner = 2n ** 64n - 1n
    const flocks = [
      { sid: 1, owner: 0n, type: 'R' as const },
      { sid: 2, owner, type: 'W' as const },
    ]
    const ranges = [
      { type: 'R' as const, pid: 42, start: 0n, end: 99n },
      { type: 'W' as const, pid: 43, start: 100n, end: 2n ** 63n - 1n },
    ]
    await apply(engine, ...flocks.map((lock) => ({ kind: 'putFlock', ino: 2, lock }) as const))
    await apply(engine, { kind: 'putPlock', ino: 2, lock: { sid: 2, owner, ranges } })
    await apply(engine, { kind: 'putPlock', ino: TRASH_INO + 1, lock: { sid: 2, owner: 5n, ranges } })
    const byOwner = (a: { sid: number }, b: { sid: number }) => a.sid - b.sid
    assert.deepEqual([...(await one(engine, { kind: 'flocks', ino: 2 }))!].sort(byOwner), flocks)
    assert.deepEqual(await one(engine, { kind: 'plocks', ino: 2 }), [{ sid: 2, owner, ranges }])
    await apply(engine, { kind: 'putFlock', ino: 2, lock: { sid: 1, owner: 0n, type: 'W' } })
    assert.deepEqual(await all(engine, { kind: 'sessionFlocks', sid: 1 }), [
      { ino: 2, lock: { sid: 1, owner: 0n, type: 'W' } },
    ])
    const plocks = await all(engine, { kind: 'sessionPlocks', sid: 2 }, 1)
    assert.deepEqual(
      plocks.sort((a, b) => a.ino - b.ino).map(({ ino, lock }) => [ino, lock.owner]),
      [
        [2, owner],
        [TRASH_INO + 1, 5n],
      ],
    )
    await apply(
      engine,
      { kind: 'delPlock', ino: 2, sid: 2, owner },
      { kind: 'delFlock', ino: 2, sid: 1, owner: 0n },
    )
    assert.equal(await one(engine, { kind: 'plocks', ino: 2 }), null)
    await apply(engine, { kind: 'delSessionLocks', sid: 2 })
    assert.equal(await one(engine, { kind: 'flocks', ino: 2 }), null)
    assert.equal(await one(engine, { kind: 'plocks', ino: TRASH_INO + 1 }), null)
  })
}
