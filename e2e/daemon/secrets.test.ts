/** Planted secrets are looked for wherever the daemon writes or answers; they may be in one file only. */
import assert from 'node:assert/strict'
import { readdir, readFile, stat } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { redisMissing, startRedis } from '../harness/redis.ts'
import { s3Server, startS3 } from '../harness/servers.ts'
import { must, noMount } from '../harness/volume.ts'
import { TestDaemon } from './test-daemon.ts'

const PLANTED = {
  metaPassword: 'planted-meta-pass-7f3a/@:x',
  accessKey: 'PLANTEDACCESSKEY01',
  secretKey: 'planted-secret-key-5b1c',
  sessionToken: 'planted-session-token-9e2d',
  passphrase: 'planted-passphrase-4c8e',
}
/** The access key is a name, as a user's is: it may be shown, but is not. */
const WANTED = Object.values(PLANTED).flatMap(formsOf)

function formsOf(text: string): readonly string[] {
  return [
    text,
    encodeURIComponent(text),
    Buffer.from(text).toString('base64'),
    Buffer.from(text).toString('hex'),
  ]
}

function assertClean(text: string, where: string): void {
  for (const secret of WANTED) assert.ok(!text.includes(secret), `${where} holds ${secret}`)
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  return found.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name))
}

async function commandLines(): Promise<string> {
  const lines = []
  for (const name of await readdir('/proc')) {
    if (/^\d+$/.test(name)) lines.push(await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => ''))
  }
  return lines.join('\n')
}

test('secrets are in the secret store and nowhere else: no log, database, answer, export, bundle or argument', async () => {
  await using daemon = await TestDaemon.start()
  const { trpc } = daemon
  const answers: unknown[] = []
  const keep = async <T>(answer: Promise<T>): Promise<T | undefined> => {
    try {
      const value = await answer
      answers.push(value)
      return value
    } catch (error) {
      answers.push((error as Error).message, (error as { data?: unknown }).data)
      return undefined
    }
  }
  const encoded = encodeURIComponent(PLANTED.metaPassword)
  // Nobody listens there: everything fails, and failures talk.
  const metaUrl = `postgres://team:${encoded}@127.0.0.1:1/team?connect_timeout=1`
  await keep(trpc.probes.metadata.query({ metaUrl }))
  await keep(
    trpc.probes.metadata.query({
      metaUrl: 'postgres://team@127.0.0.1:1/team',
      password: PLANTED.metaPassword,
    }),
  )
  await keep(trpc.probes.bucket.query({ storage: 's3', bucket: 'http://127.0.0.1:1/team', secrets: PLANTED }))
  await keep(trpc.volumes.connect.mutate({ metaUrl, secrets: PLANTED }))
  const imported = await keep(
    trpc.volumes.importProfile.mutate({
      pomeloProfile: 1,
      name: 'team',
      metaUrl,
      bucket: null,
      settings: {},
      needs: [],
    }),
  )
  const id = imported!.id
  await keep(trpc.volumes.update.mutate({ id, secrets: { ...PLANTED, metaPassword: undefined } }))
  await keep(trpc.volumes.mount.mutate({ id, waitMs: 30_000 }))
  const lines = await commandLines()
  const failed = await daemon.trpc.volumes.get.query({ id })
  assert.equal(failed.status.state, 'failed')
  await keep(trpc.volumes.unmount.mutate({ id }))
  await keep(trpc.files.list.query({ id, path: '/' }))
  const dumped = await keep(trpc.tasks.start.mutate({ kind: 'dump', id, file: daemon.path('dump.json') }))
  await daemon.until(async () => (await trpc.tasks.list.query({ running: true })).length === 0 || undefined)
  assert.ok(dumped)
  await keep(trpc.volumes.list.query())
  const shown = await keep(trpc.volumes.profile.query({ id }))
  assert.deepEqual([...shown!.secrets].sort(), Object.keys(PLANTED).sort())
  const exported = await keep(trpc.volumes.exportProfile.query({ id }))
  assert.equal(exported!.metaUrl, 'postgres://team@127.0.0.1:1/team?connect_timeout=1')
  await keep(trpc.events.list.query({ limit: 1000 }))
  await keep(trpc.tasks.list.query({}))
  await keep(trpc.system.about.query())
  const bundle = await trpc.system.diagnostics.mutate()
  const packed = await new Promise<Buffer>((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port: daemon.port, path: bundle.url }, (answer) => {
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.on('end', () => resolve(Buffer.concat(parts)))
    })
    asked.on('error', reject)
    asked.end()
  })
  const text = gunzipSync(packed).toString('utf8')
  assert.match(text, /"profiles"/)
  assertClean(text, 'the diagnostics bundle')
  assertClean(JSON.stringify(answers), 'an answer of the API')
  assertClean(lines, 'the arguments of a process')
  await daemon.end()
  const files = await filesBelow(daemon.folder)
  const holders = []
  for (const file of files) {
    if (file.includes('/pomelo-test-node/')) continue
    const bytes = await readFile(file)
    if (WANTED.some((secret) => bytes.includes(secret))) holders.push(file)
  }
  const store = daemon.path('state/pomelo/secrets.json')
  assert.deepEqual(holders, [store])
  assert.equal((await stat(store)).mode & 0o777, 0o600)
  assert.ok(
    files.some((file) => file.endsWith('daemon.log')) && files.some((file) => file.endsWith('daemon.db')),
  )
})

/** Arguments and environments of all processes of this daemon, its workers and its volumes. */
async function ownProcesses(daemon: TestDaemon): Promise<readonly string[]> {
  const texts = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const environment = await readFile(`/proc/${name}/environ`, 'utf8').catch(() => '')
    if (!environment.includes(`XDG_RUNTIME_DIR=${daemon.path('run')}\0`)) continue
    texts.push(`${await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')} ${environment}`)
  }
  return texts
}

test('a volume that is mounted with a password and keys shows them nowhere either', {
  skip: noMount || redisMissing() || (await s3Server()).missing || false,
  timeout: 120_000,
}, async () => {
  const redis = await startRedis({ requirepass: PLANTED.metaPassword })
  const s3 = await startS3()
  try {
    await using daemon = await TestDaemon.start()
    const { trpc } = daemon
    // The server's own keys, and one of them for this computer alone.
    const wanted = [PLANTED.metaPassword, s3.secretKey].flatMap(formsOf)
    const task = await trpc.volumes.create.mutate({
      name: 'team',
      mountPoint: daemon.path('mounts', 'team'),
      format: {
        metaUrl: redis.url(),
        volumeName: 'team',
        storage: 'minio',
        bucket: `${s3.endpoint}/${s3.bucket}`,
      },
      secrets: { metaPassword: PLANTED.metaPassword, accessKey: s3.accessKey, secretKey: s3.secretKey },
    })
    const { result } = await daemon.done(task)
    const id = result!.volumeId!
    const { mountPoint } = await daemon.state(id, 'mounted')
    await must('sh', ['-c', `head -c 3M /dev/urandom > ${mountPoint}/file; sync ${mountPoint}/file`])
    const answers: unknown[] = [
      task,
      result,
      await trpc.volumes.get.query({ id }),
      await trpc.volumes.profile.query({ id }),
      await trpc.volumes.exportProfile.query({ id }),
      await trpc.volumes.format.query({ id }),
      await trpc.volumes.sessions.query({ id }),
      await trpc.volumes.health.query({ id }),
      await trpc.events.list.query({ limit: 1000 }),
      // What programs may read in the mount.
      await must('cat', [`${mountPoint}/.config`, `${mountPoint}/.stats`]),
      (await daemon.pomelo('volumes', '--json')).stdout,
    ]
    const dump = daemon.path('dump.json')
    await daemon.done(await trpc.tasks.start.mutate({ kind: 'dump', id, file: dump }))
    const processes = await ownProcesses(daemon)
    assert.ok(processes.length >= 2, `${processes.length} processes`)
    await trpc.volumes.unmount.mutate({ id, waitMs: 30_000 })
    // By a worker, without the mount.
    await trpc.files.list.query({ id, path: '/' })
    answers.push(...processes, ...(await ownProcesses(daemon)))
    await daemon.end()
    const clean = (text: string | Buffer, where: string) => {
      for (const secret of wanted) assert.ok(!text.includes(secret), `${where} holds ${secret}`)
    }
    clean(JSON.stringify(answers), 'an answer or a process')
    for (const file of await filesBelow(daemon.folder))
      if (!file.endsWith('/secrets.json')) clean(await readFile(file), file)
  } finally {
    await Promise.all([redis.stop(), s3.stop()])
  }
})

test('a removed volume takes its secrets with it', async () => {
  await using daemon = await TestDaemon.start()
  const { trpc } = daemon
  const metaUrl = 'postgres://team@127.0.0.1:1/team'
  const { id } = await trpc.volumes.importProfile.mutate({
    pomeloProfile: 1,
    name: 'team',
    metaUrl,
    bucket: null,
    settings: {},
    needs: [],
  })
  await trpc.volumes.update.mutate({ id, secrets: PLANTED })
  await assert.rejects(trpc.volumes.remove.mutate({ id, confirm: 'other' }), /not the name of this volume/)
  await trpc.volumes.remove.mutate({ id, confirm: 'team' })
  assert.equal(await readFile(daemon.path('state/pomelo/secrets.json'), 'utf8'), '{}')
})
