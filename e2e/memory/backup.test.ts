/**
 * Backing up metadata into a bucket and restoring them takes no more memory for a large volume than for a small one, in
 * a directory and in parts of an encrypted S3 bucket. A long run has ten times as much.
 */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import Database from 'better-sqlite3'
import { nodeBinary, root } from '../../scripts/runtime.mjs'
import { isLong } from '../harness/engines.ts'
import { type S3Server, s3Server, startS3 } from '../harness/servers.ts'
import { makeVolume, must, sh } from '../harness/volume.ts'
import { fileIno, fillMetadata } from '../inspect/test-volume-of-rows.ts'

const FILES = isLong ? 200_000 : 25_000
/** Of an attribute of each file: text of six bits a byte, which is what a backup consists of. */
const XATTR_BYTES = 16_000
const PACKED_MIB = (FILES * XATTR_BYTES * 6) / 8 / 2 ** 20
/** SQLite's cache (64 MiB), and garbage that V8 lets lie for a while. */
const GROWTH_MIB = 250

/** Highest resident memory of a command, in MiB. */
async function peakOf(args: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  const measure =
    'import subprocess, resource, sys; subprocess.run(sys.argv[1:], check=True, stdout=sys.stderr); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)'
  const command = [nodeBinary()!, join(root, 'core', 'cli', 'main.ts'), ...args]
  return Number(await must('python3', ['-c', measure, ...command], { env, timeoutMs: 1_500_000 }))
}

function addAttributes(path: string, files: number): void {
  const db = new Database(path)
  db.pragma('synchronous = OFF')
  const xattr = db.prepare('INSERT INTO jfs_xattr (inode, name, value) VALUES (?, ?, ?)')
  db.transaction(() => {
    for (let k = 0; k < files; k++)
      xattr.run(fileIno(k), 'user.noise', Buffer.from(randomBytes((XATTR_BYTES * 6) / 8).toString('base64')))
  })()
  db.close()
}

interface Place {
  readonly format: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** Peaks of backup and restore. */
async function peaks(place: Place, files: number): Promise<readonly [number, number]> {
  await using volume = await makeVolume(place.format, place.env)
  const path = join(volume.folder, 'meta.db')
  fillMetadata(path, files)
  addAttributes(path, files)
  const at = place.format.length > 0 ? place.format : ['--storage', 'file', '--bucket', volume.bucket]
  const backup = await peakOf(['backup', 'now', volume.meta], place.env)
  const again = `sqlite3://${join(volume.folder, 'again.db')}`
  const restore = await peakOf(['backup', 'restore', again, 'e2e-volume', ...at], place.env)
  const [before, after] = ['meta.db', 'again.db'].map((name) => digestOf(join(volume.folder, name)))
  assert.equal(after, before)
  return [backup, restore]
}

/** Of all attributes, in the order of inodes. */
function digestOf(path: string): string {
  const db = new Database(path, { readonly: true })
  const hash = createHash('sha256')
  const rows = db.prepare<[], { inode: number; value: Buffer }>(
    'SELECT inode, value FROM jfs_xattr ORDER BY inode',
  )
  for (const { inode, value } of rows.iterate()) hash.update(`${inode} `).update(value)
  db.close()
  return hash.digest('hex')
}

/** `openPlace` gives an empty one for each volume. */
async function flat(t: test.TestContext, openPlace: () => Promise<Place>): Promise<void> {
  const small = await peaks(await openPlace(), 200)
  const large = await peaks(await openPlace(), FILES)
  const shown = (mib: readonly number[]) => mib.map((each) => each.toFixed(0)).join(' and ')
  t.diagnostic(`${PACKED_MIB.toFixed(0)} MiB packed: at most ${shown(large)} MiB, nothing: ${shown(small)}`)
  for (const [k, mib] of large.entries()) assert.ok(mib < small[k]! + GROWTH_MIB, `${mib} MiB`)
}

const limits = { timeout: isLong ? 3_000_000 : 240_000 }

assert.ok(GROWTH_MIB < PACKED_MIB)

test(
  'a large backup to a directory and back takes no more memory than a small one',
  {
    ...limits,
    skip: !isLong && 'long runs only: the next one does more',
  },
  (t) => flat(t, async () => ({ format: [], env: {} })),
)

test('so it does in parts, sealed, to an S3 bucket', limits, async (t) => {
  const server = await s3Server()
  if (server.path === undefined) return t.skip(server.missing)
  const folder = await mkdtemp(join(tmpdir(), 'pomelo-backup-'))
  const servers: S3Server[] = []
  try {
    const key = join(folder, 'key.pem')
    await writeFile(key, await sh('openssl genrsa 2048 2>/dev/null'))
    await flat(t, async () => {
      const s3 = await startS3()
      servers.push(s3)
      const bucket = ['--storage', 's3', '--bucket', `${s3.endpoint}/${s3.bucket}`]
      return {
        format: [...bucket, '--encrypt-rsa-key', key],
        env: { ACCESS_KEY: s3.accessKey, SECRET_KEY: s3.secretKey },
      }
    })
  } finally {
    for (const s3 of servers) await s3.stop()
    await rm(folder, { recursive: true, force: true })
  }
})
