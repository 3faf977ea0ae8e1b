import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { E2BIG, EACCES, EEXIST, EINVAL, ENODATA, ENOENT, ENOTSUP, EPERM, ERANGE } from '#core/base/errno.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import { nameFromText } from '#core/base/name.ts'
import { ACL_ACCESS_XATTR, ACL_DEFAULT_XATTR, encodeAclXattr } from '../acl-rule.ts'
import {
  ACL_UNSET,
  type AclRule,
  FLAG_APPEND,
  FLAG_IMMUTABLE,
  type NodeType,
  TYPE_DIRECTORY,
  TYPE_FILE,
  TYPE_SYMLINK,
} from '../records.ts'
import { watched } from '../test-engine.ts'
import {
  checkedUser,
  openTestVolume,
  plainUser,
  refuses,
  SMALLEST_VALUE,
  type TestClient,
  type TestVolumeOptions,
} from '../test-volume.ts'

const ROOT = rootContext()
const ON_POSTGRES = process.env.POMELO_TEST_META?.startsWith('postgres')
const A = Uint8Array.of(1, 2, 3)
const B = Uint8Array.of(9)
const RULE: AclRule = { owner: 7, group: 5, mask: 4, other: 1, users: [{ id: 7, perm: 6 }], groups: [] }

async function withNode(
  body: (client: TestClient, ino: Ino) => Promise<void>,
  type: NodeType = TYPE_FILE,
  options: TestVolumeOptions = {},
): Promise<void> {
  const client = await openTestVolume(options)
  try {
    const target = type === TYPE_SYMLINK ? new Uint8Array([120]) : undefined
    const { ino } = await client.meta.mknod(ROOT, ROOT_INO, 'f', { type, mode: 0o644, target })
    await body(client, ino)
    await client.settle()
  } finally {
    await client.close()
  }
}

test('an xattr is set, read, listed and removed by its bytes, and ctime follows each change', async () => {
  await withNode(async ({ meta, clock }, ino) => {
    const name = nameFromText('user.größe')
    for (const value of [A, SMALLEST_VALUE]) {
      await clock.advance(1000)
      await meta.setxattr(ROOT, ino, name, value, 0)
      assert.deepEqual(Uint8Array.from((await meta.getxattr(ROOT, ino, name))!), value)
      assert.equal((await meta.getattr(ROOT, ino)).ctime, clock.nowSec())
    }
    await meta.setxattr(ROOT, ino, 'user.a', B, 0)
    assert.deepEqual((await meta.listxattr(ROOT, ino)).toSorted(), ['user.a', name])
    await clock.advance(1000)
    await meta.removexattr(ROOT, ino, name)
    const { ctime, mtime } = await meta.getattr(ROOT, ino)
    assert.deepEqual([ctime, mtime], [clock.nowSec(), clock.nowSec() - 3])
    assert.equal(await meta.getxattr(ROOT, ino, name), undefined)
    assert.deepEqual(await meta.listxattr(ROOT, ino), ['user.a'])
  })
})

test('names of xattrs are bytes', {
  skip: ON_POSTGRES && 'PostgreSQL holds names in UTF-8 only',
}, async () => {
  await withNode(async ({ meta }, ino) => {
    await meta.setxattr(ROOT, ino, 'user.a\xff', B, 0)
    assert.deepEqual(await meta.listxattr(ROOT, ino), ['user.a\xff'])
    await meta.removexattr(ROOT, ino, 'user.a\xff')
    assert.deepEqual(await meta.listxattr(ROOT, ino), [])
  })
})

test('create and replace ask for absence and presence', async () => {
  await withNode(async ({ meta }, ino) => {
    await refuses(ENODATA, meta.setxattr(ROOT, ino, 'user.a', A, 2))
    await meta.setxattr(ROOT, ino, 'user.a', A, 1)
    await refuses(EEXIST, meta.setxattr(ROOT, ino, 'user.a', B, 1))
    await meta.setxattr(ROOT, ino, 'user.a', B, 2)
    assert.deepEqual(Uint8Array.from((await meta.getxattr(ROOT, ino, 'user.a'))!), B)
    await refuses(EINVAL, meta.setxattr(ROOT, ino, 'user.a', A, 3))
    await refuses(EINVAL, meta.setxattr(ROOT, ino, 'user.a', A, 4))
    await refuses(ENODATA, meta.removexattr(ROOT, ino, 'user.b'))
  })
})

test('limits of Linux hold: names of 255 bytes, values of 64 KiB', async () => {
  await withNode(async ({ meta }, ino) => {
    const long = `user.${'x'.repeat(250)}`
    await meta.setxattr(ROOT, ino, long, new Uint8Array(65_536), 0)
    await refuses(ERANGE, meta.setxattr(ROOT, ino, `${long}x`, A, 0))
    await refuses(ERANGE, meta.setxattr(ROOT, ino, '', A, 0))
    await refuses(E2BIG, meta.setxattr(ROOT, ino, 'user.a', new Uint8Array(65_537), 0))
  })
})

test('xattrs of a missing or protected node are refused', async () => {
  await withNode(async ({ meta }, ino) => {
    await refuses(ENOENT, meta.setxattr(ROOT, 999, 'user.a', A, 0))
    await refuses(ENOENT, meta.removexattr(ROOT, 999, 'user.a'))
    await refuses(ENOENT, meta.listxattr(ROOT, 999))
    for (const flags of [FLAG_IMMUTABLE, FLAG_APPEND]) {
      await meta.setattr(ROOT, ino, { flags })
      await refuses(EPERM, meta.setxattr(ROOT, ino, 'user.a', A, 0))
      await refuses(EPERM, meta.removexattr(ROOT, ino, 'user.a'))
    }
  })
})

test('an xattr set while the file is deleted does not outlive it', async () => {
  const { wrap, before } = watched()
  await withNode(
    async ({ meta, engine }, ino) => {
      before('setxattr', () => meta.unlink(ROOT, ROOT_INO, 'f'))
      await refuses(ENOENT, meta.setxattr(ROOT, ino, 'user.a', A, 0))
      assert.deepEqual(await engine.read([{ kind: 'xattr', ino, name: 'user.a' }]), [null])
    },
    TYPE_FILE,
    { wrap },
  )
})

test('a caller the kernel has not checked needs the rights of xattr(7)', async () => {
  await withNode(async ({ meta }, ino) => {
    const other = checkedUser(5)
    await meta.setxattr(ROOT, ino, 'user.a', A, 0)
    await meta.setxattr(ROOT, ino, 'trusted.a', A, 0)
    assert.deepEqual(Uint8Array.from((await meta.getxattr(other, ino, 'user.a'))!), A)
    await refuses(EACCES, meta.setxattr(other, ino, 'user.a', B, 0))
    await refuses(ENODATA, meta.getxattr(other, ino, 'trusted.a'))
    await refuses(EPERM, meta.setxattr(other, ino, 'trusted.a', B, 0))
    await refuses(EPERM, meta.setxattr(other, ino, 'security.a', B, 0))
    await meta.setattr(ROOT, ino, { mode: 0o622 })
    await refuses(EACCES, meta.getxattr(other, ino, 'user.a'))
    await meta.setxattr(other, ino, 'user.a', B, 0)
  })
  await withNode(async ({ meta }, ino) => {
    await meta.setattr(ROOT, ino, { mode: 0o1777 })
    await refuses(EPERM, meta.setxattr(checkedUser(5), ino, 'user.a', B, 0))
  }, TYPE_DIRECTORY)
})

test('an access ACL sets the mode it stands for and is listed after the stored names', async () => {
  await withNode(async ({ meta, clock }, ino) => {
    await meta.setxattr(ROOT, ino, 'user.a', A, 0)
    await clock.advance(1000)
    await meta.setxattr(ROOT, ino, ACL_ACCESS_XATTR, encodeAclXattr(RULE), 0)
    const node = await meta.getattr(ROOT, ino)
    assert.deepEqual([node.mode, node.ctime], [0o741, clock.nowSec()])
    assert.deepEqual(await meta.getxattr(ROOT, ino, ACL_ACCESS_XATTR), encodeAclXattr(RULE))
    assert.deepEqual(await meta.listxattr(ROOT, ino), ['user.a', ACL_ACCESS_XATTR])
    await meta.removexattr(ROOT, ino, ACL_ACCESS_XATTR)
    await meta.removexattr(ROOT, ino, ACL_ACCESS_XATTR)
    assert.equal(await meta.getxattr(ROOT, ino, ACL_ACCESS_XATTR), undefined)
    assert.equal((await meta.getattr(ROOT, ino)).mode, 0o741)
  })
})

test('a minimal access ACL is only mode bits, and unset fields are taken from the mode', async () => {
  await withNode(async ({ meta }, ino) => {
    await meta.setAcl(ROOT, ino, 'access', RULE)
    await meta.setAcl(ROOT, ino, 'access', { ...RULE, mask: ACL_UNSET, users: [], group: 2 })
    const node = await meta.getattr(ROOT, ino)
    assert.deepEqual([node.mode, node.accessAcl], [0o721, 0])
    await meta.setAcl(ROOT, ino, 'access', { ...RULE, owner: ACL_UNSET, other: ACL_UNSET })
    assert.deepEqual(await meta.getAcl(ROOT, ino, 'access'), { ...RULE, owner: 7, other: 1 })
  })
})

test('default ACLs are for directories and leave the mode alone', async () => {
  await withNode(async ({ meta }, ino) => {
    await meta.setxattr(ROOT, ino, ACL_DEFAULT_XATTR, encodeAclXattr(RULE), 0)
    assert.deepEqual(await meta.getAcl(ROOT, ino, 'default'), RULE)
    assert.equal((await meta.getattr(ROOT, ino)).mode, 0o644)
    assert.deepEqual(await meta.listxattr(ROOT, ino), [ACL_DEFAULT_XATTR])
    await meta.setxattr(ROOT, ino, ACL_DEFAULT_XATTR, new Uint8Array(), 0)
    assert.equal(await meta.getAcl(ROOT, ino, 'default'), undefined)
  }, TYPE_DIRECTORY)
  await withNode(async ({ meta }, ino) => {
    await refuses(EACCES, meta.setAcl(ROOT, ino, 'default', RULE))
    await meta.setAcl(ROOT, ino, 'default', null)
  })
  await withNode(({ meta }, ino) => refuses(ENOTSUP, meta.setAcl(ROOT, ino, 'access', RULE)), TYPE_SYMLINK)
})

test('only the owner sets an ACL; one outside the group drops set-gid by it', async () => {
  await withNode(async ({ meta }, ino) => {
    await meta.setattr(ROOT, ino, { uid: 5, gid: 50 })
    await meta.setattr(ROOT, ino, { mode: 0o2755 })
    await refuses(EPERM, meta.setAcl(plainUser(6), ino, 'access', RULE))
    await meta.setAcl(plainUser(5, 50), ino, 'access', RULE)
    assert.equal((await meta.getattr(ROOT, ino)).mode, 0o2741)
    await meta.setAcl(plainUser(5, 51), ino, 'access', RULE)
    assert.equal((await meta.getattr(ROOT, ino)).mode, 0o741)
    await meta.setattr(ROOT, ino, { flags: FLAG_IMMUTABLE })
    await refuses(EPERM, meta.setAcl(ROOT, ino, 'access', RULE))
  })
})

test('a volume without ACLs has none to read and takes none', async () => {
  await withNode(
    async ({ meta }, ino) => {
      assert.equal(await meta.getxattr(ROOT, ino, ACL_ACCESS_XATTR), undefined)
      await refuses(ENOTSUP, meta.setxattr(ROOT, ino, ACL_ACCESS_XATTR, encodeAclXattr(RULE), 0))
      await refuses(ENOTSUP, meta.removexattr(ROOT, ino, ACL_ACCESS_XATTR))
    },
    TYPE_FILE,
    { setting: { EnableACL: false } },
  )
})
