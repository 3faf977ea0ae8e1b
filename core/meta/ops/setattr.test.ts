import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { EACCES, ENOENT, EPERM } from '#core/base/errno.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import type { AttrChange } from '../api.ts'
import {
  FLAG_APPEND,
  FLAG_IMMUTABLE,
  FLAG_SKIP_TRASH,
  type NodeRecord,
  TYPE_DIRECTORY,
  TYPE_FILE,
  TYPE_SYMLINK,
} from '../records.ts'
import { checkedUser, openTestVolume, plainUser, refuses, type TestClient } from '../test-volume.ts'

const ROOT = rootContext()
const OWNER = 1000
const owner = checkedUser(OWNER, 100, [100, 101])
const other = checkedUser(2000, 200)

async function withFile(
  change: AttrChange,
  body: (client: TestClient, ino: Ino) => Promise<void>,
  type: typeof TYPE_FILE | typeof TYPE_DIRECTORY | typeof TYPE_SYMLINK = TYPE_FILE,
): Promise<void> {
  const client = await openTestVolume()
  try {
    const target = type === TYPE_SYMLINK ? new Uint8Array([120]) : undefined
    const { ino } = await client.meta.mknod(ROOT, ROOT_INO, 'f', { type, mode: 0o644, target })
    await client.meta.setattr(ROOT, ino, { uid: OWNER, gid: 100 })
    await client.meta.setattr(ROOT, ino, change)
    await body(client, ino)
    await client.settle()
  } finally {
    await client.close()
  }
}

function times({ atime, atimeNsec, mtime, mtimeNsec, ctime, ctimeNsec }: NodeRecord): number[] {
  return [atime, atimeNsec, mtime, mtimeNsec, ctime, ctimeNsec]
}

test('what is asked for is set and stored, and ctime is now', async () => {
  await withFile({}, async ({ meta, clock }, ino) => {
    await clock.advance(5000)
    const now = clock.nowSec()
    const change = { mode: 0o4751, atime: { sec: -5, nsec: 7 }, mtime: { sec: 99, nsec: 8 } }
    const node = await meta.setattr(ROOT, ino, change)
    assert.equal(node.mode, 0o4751)
    assert.deepEqual(times(node), [-5, 7, 99, 8, now, 0])
    assert.deepEqual(await meta.getattr(ROOT, ino), node)
    await clock.advance(1500)
    const touched = await meta.setattr(ROOT, ino, { atime: 'now', mtime: 'now' })
    assert.deepEqual(times(touched), [now + 1, 5e8, now + 1, 5e8, now + 1, 5e8])
  })
})

test('setting what is there already, or nothing (chown to -1), updates ctime alone', async () => {
  await withFile({}, async ({ meta, clock }, ino) => {
    const before = await meta.getattr(ROOT, ino)
    for (const change of [{ mode: before.mode }, {}]) {
      await clock.advance(1000)
      assert.deepEqual(await meta.setattr(ROOT, ino, change), { ...before, ctime: clock.nowSec() })
    }
  })
})

test('a missing inode is ENOENT', async () => {
  await withFile({}, ({ meta }) => refuses(ENOENT, meta.setattr(ROOT, 999, { mode: 0 })))
})

test('a change of owner drops set-uid, and set-gid where the group may execute, whoever asks', async () => {
  const cases: readonly [before: number, after: number][] = [
    [0o6711, 0o0711],
    [0o6700, 0o2700],
    [0o2755, 0o0755],
    [0o2745, 0o2745],
    [0o1777, 0o1777],
  ]
  for (const [before, after] of cases) {
    await withFile({ mode: before }, async ({ meta }, ino) => {
      assert.equal((await meta.setattr(ROOT, ino, { uid: 7 })).mode, after)
    })
    await withFile({ mode: before }, async ({ meta }, ino) => {
      assert.equal((await meta.setattr(owner, ino, { gid: 101 })).mode, after, `owner, ${before.toString(8)}`)
    })
    await withFile(
      { mode: before },
      async ({ meta }, ino) => {
        assert.equal((await meta.setattr(ROOT, ino, { uid: 7, gid: 7 })).mode, before)
      },
      TYPE_DIRECTORY,
    )
  }
  // The kernel sends the mode it would leave along with the new owner.
  await withFile({ mode: 0o4755 }, async ({ meta }, ino) => {
    assert.equal((await meta.setattr(plainUser(OWNER, 100), ino, { gid: 101, mode: 0o755 })).mode, 0o755)
  })
})

test('a caller the kernel has not checked may do what Linux lets it', async () => {
  const may = (ctx: typeof ROOT, change: AttrChange) =>
    withFile({ mode: 0o646 }, async ({ meta }, ino) => void (await meta.setattr(ctx, ino, change)))
  const mayNot = (errno: number, ctx: typeof ROOT, change: AttrChange, mode = 0o646) =>
    withFile({ mode }, ({ meta }, ino) => refuses(errno, meta.setattr(ctx, ino, change)))
  const time = { sec: 1, nsec: 0 }
  await may(owner, { mode: 0o600 })
  await may(owner, { uid: OWNER })
  await may(owner, { gid: 101 })
  await may(owner, { atime: time, mtime: time })
  await may(other, { atime: 'now', mtime: 'now' }) // others may write
  await mayNot(EPERM, other, { mode: 0o600 })
  await mayNot(EPERM, other, { uid: OWNER })
  await mayNot(EPERM, owner, { uid: 2000 })
  await mayNot(EPERM, owner, { gid: 200 })
  await mayNot(EPERM, other, { gid: 200 })
  await mayNot(EPERM, other, { mtime: time })
  await mayNot(EPERM, other, { atime: 'now', mtime: time })
  await mayNot(EACCES, other, { mtime: 'now' }, 0o644)
})

test('chmod by somebody outside the group does not set set-gid', async () => {
  await withFile({ gid: 555 }, async ({ meta }, ino) => {
    assert.equal((await meta.setattr(owner, ino, { mode: 0o2755 })).mode, 0o755)
    assert.equal((await meta.setattr(plainUser(OWNER, 100), ino, { mode: 0o2755 })).mode, 0o2755)
  })
})

test('what the kernel has checked is not refused again', async () => {
  await withFile({}, async ({ meta }, ino) => {
    const node = await meta.setattr(plainUser(7), ino, {
      mode: 0o600,
      uid: 7,
      gid: 7,
      mtime: { sec: 1, nsec: 0 },
    })
    assert.deepEqual([node.mode, node.uid, node.gid, node.mtime], [0o600, 7, 7, 1])
  })
})

test('immutable and append-only files refuse what ext4 refuses, root included', async () => {
  const time = { sec: 1, nsec: 0 }
  const cases: readonly [flags: number, change: AttrChange, allowed: boolean][] = [
    [FLAG_IMMUTABLE, { mode: 0o600 }, false],
    [FLAG_IMMUTABLE, { uid: 5 }, false],
    [FLAG_IMMUTABLE, { mtime: time }, false],
    [FLAG_IMMUTABLE, { mtime: 'now' }, false],
    [FLAG_IMMUTABLE, { flags: 0 }, true],
    [FLAG_APPEND, { mode: 0o600 }, false],
    [FLAG_APPEND, { gid: 5 }, false],
    [FLAG_APPEND, { atime: time }, false],
    [FLAG_APPEND, { atime: 'now', mtime: 'now' }, true],
    [FLAG_SKIP_TRASH, { mode: 0o600 }, true],
  ]
  for (const [flags, change, allowed] of cases) {
    await withFile({ flags }, async ({ meta }, ino) => {
      const done = meta.setattr(ROOT, ino, change)
      if (allowed) await done
      else await refuses(EPERM, done)
    })
  }
})

test('flags: root sets them, the owner only those without privilege, other bits stay', async () => {
  await withFile({ flags: 0x3f }, async ({ meta, engine }, ino) => {
    assert.equal((await meta.getattr(ROOT, ino)).flags, FLAG_IMMUTABLE | FLAG_APPEND | FLAG_SKIP_TRASH)
    const node = await meta.setattr(ROOT, ino, { flags: 0 })
    await engine.commit('windows', [], [{ kind: 'putNode', ino, node: { ...node, flags: 0x1c } }])
    assert.equal(
      (await meta.setattr(plainUser(OWNER), ino, { flags: FLAG_SKIP_TRASH })).flags,
      0x1c | FLAG_SKIP_TRASH,
    )
    await refuses(EPERM, meta.setattr(plainUser(OWNER), ino, { flags: FLAG_APPEND }))
    await refuses(EPERM, meta.setattr(plainUser(2000), ino, { flags: 0 }))
  })
})

test('chown moves the usage of any node to its new owner and group', async () => {
  for (const type of [TYPE_FILE, TYPE_DIRECTORY, TYPE_SYMLINK] as const) {
    await withFile(
      {},
      async ({ meta, engine }, ino) => {
        if (type === TYPE_FILE) await meta.truncate(ROOT, ino, 10_000, true)
        await meta.setattr(ROOT, ino, { uid: 1, gid: 2 })
        await meta.setattr(ROOT, ino, { uid: 1 })
        const space = type === TYPE_FILE ? 12_288 : 4096
        const usage = async (of: 'user' | 'group', id: number) => {
          const [quota] = await engine.read([{ kind: 'quota', of, id }])
          return [quota?.usedSpace ?? 0, quota?.usedInodes ?? 0]
        }
        assert.deepEqual(await usage('user', OWNER), [0, 0])
        assert.deepEqual(await usage('group', 100), [0, 0])
        assert.deepEqual(await usage('user', 1), [space, 1])
        assert.deepEqual(await usage('group', 2), [space, 1])
        const [used] = await engine.read([{ kind: 'counter', name: 'usedSpace' }])
        assert.equal(used, space)
      },
      type,
    )
  }
})

test('chmod of a file with an access ACL rewrites the rule: group bits are its mask', async () => {
  await withFile({}, async ({ meta }, ino) => {
    const rule = { owner: 6, group: 6, mask: 7, other: 4, users: [{ id: 7, perm: 7 }], groups: [] }
    await meta.setAcl(ROOT, ino, 'access', rule)
    const node = await meta.setattr(ROOT, ino, { mode: 0o2751 })
    assert.equal(node.mode, 0o2751)
    assert.deepEqual(await meta.getAcl(ROOT, ino, 'access'), { ...rule, owner: 7, mask: 5, other: 1 })
    const same = await meta.setattr(ROOT, ino, { mode: 0o751 })
    assert.equal(same.accessAcl, node.accessAcl)
  })
})

test('nodes in the trash cannot be changed', async () => {
  const client = await openTestVolume({ setting: { TrashDays: 1 } })
  try {
    const { ino } = await client.meta.mknod(ROOT, ROOT_INO, 'f', { type: TYPE_FILE, mode: 0o644 })
    await client.meta.unlink(ROOT, ROOT_INO, 'f')
    const { parent } = await client.meta.getattr(ROOT, ino)
    await refuses(EPERM, client.meta.setattr(ROOT, ino, { mode: 0o600 }))
    await refuses(EPERM, client.meta.setattr(ROOT, parent, { mode: 0o600 }))
    await refuses(EPERM, client.meta.truncate(ROOT, ino, 5, false))
    await client.meta.truncate(ROOT, ino, 5, true)
  } finally {
    await client.close()
  }
})
