/** Sessions over restarts of the daemon, and the proof that it is our daemon which is back. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { proofText, proveDaemon } from '#core/api/daemon-proof.ts'
import { Sessions } from './api/sessions.ts'
import { type Db, openDatabase } from './database.ts'
import { SessionStore } from './session-store.ts'

const DAY_MS = 86_400_000
const folder = await mkdtemp(join(tmpdir(), 'pds-'))
after(() => rm(folder, { recursive: true }))
let count = 0

/** What `use` does with sessions, and then what it does with those of the next run of the daemon, and so on. */
async function runs(...uses: ((sessions: Sessions, db: Db) => void)[]): Promise<Buffer> {
  const path = join(folder, `${++count}.db`)
  for (const use of uses) {
    const db = openDatabase(path)
    use(new Sessions(new SessionStore(db)), db)
    db.close()
  }
  return readFile(path)
}

const signIn = (sessions: Sessions, isLasting = true) =>
  sessions.signIn(sessions.newCode(), 'window', isLasting)!

test('a lasting token is valid in the next run, an ordinary one is not, and the file holds neither', async () => {
  let lasting = ''
  let ordinary = ''
  let id: string | undefined
  const file = await runs(
    (sessions) => {
      lasting = signIn(sessions)
      ordinary = signIn(sessions, false)
      id = sessions.check(lasting)
    },
    (sessions) => {
      assert.equal(sessions.check(lasting), id)
      assert.equal(sessions.check(ordinary), undefined)
      assert.equal(sessions.check(`${lasting}x`), undefined)
      assert.deepEqual(
        sessions.list(id!).map(({ label, isThis }) => [label, isThis]),
        [['window', true]],
      )
    },
  )
  for (const token of [lasting, ordinary]) {
    assert.ok(!file.includes(token))
    assert.ok(!file.includes(Buffer.from(token, 'base64url')))
  }
})

test('what was ended, or forgotten with its port, stays so in the next run', async () => {
  let ended = ''
  let kept = ''
  await runs(
    (sessions) => {
      ended = signIn(sessions)
      kept = signIn(sessions)
      sessions.end(sessions.check(ended)!)
    },
    (sessions) => {
      assert.equal(sessions.check(ended), undefined)
      assert.ok(sessions.check(kept))
      sessions.forgetKept()
      assert.equal(sessions.check(kept), undefined)
    },
    (sessions) => assert.deepEqual(sessions.list(''), []),
  )
})

test('a token is worthless before its connections are closed', async () => {
  await runs((sessions) => {
    const token = signIn(sessions)
    const id = sessions.check(token)!
    let isClosed = false
    sessions.onEnd(id, () => {
      isClosed = true
    })
    sessions.end(id, 60_000)
    assert.deepEqual([sessions.check(token), isClosed], [undefined, false])
  })
})

test('expired sessions are removed, and the oldest of too many', async () => {
  const add = (db: Db, n: number, lastMs: number) =>
    new SessionStore(db).add({
      sessionId: `s${n}`,
      hash: Buffer.alloc(32, n),
      sinceMs: lastMs,
      lastMs,
      label: 'window',
    })
  const rows = (db: Db) => new SessionStore(db).list().map(({ sessionId }) => sessionId)
  await runs(
    (_, db) => {
      add(db, 1, Date.now() - 31 * DAY_MS)
      add(db, 2, Date.now() - 29 * DAY_MS)
    },
    (sessions, db) => {
      assert.deepEqual(rows(db), ['s2'])
      for (let n = 0; n < 200; n++) signIn(sessions)
      assert.equal(rows(db).length, 200)
      assert.ok(!rows(db).includes('s2'))
      assert.equal(sessions.list('').length, 200)
    },
  )
})

test('a window that is used does not expire: when it was seen is kept', async () => {
  let token = ''
  await runs(
    (sessions, db) => {
      token = signIn(sessions)
      db.prepare('UPDATE sessions SET last_ms = ?').run(Date.now() - 29 * DAY_MS)
    },
    (sessions, db) => {
      assert.ok(sessions.check(token))
      const [row] = new SessionStore(db).list()
      assert.ok(row!.lastMs > Date.now() - DAY_MS)
    },
  )
})

test('the daemon of a token is proven; one that does not know it, or signs for another port, is not', async () => {
  const db = openDatabase(join(folder, 'proof.db'))
  const sessions = new Sessions(new SessionStore(db))
  const token = signIn(sessions)
  let signedPort = 0
  const asked: string[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const part of request) body += part
    asked.push(JSON.stringify(request.headers) + body)
    const { name, nonce } = JSON.parse(body) as { name: string; nonce: string }
    const proof = sessions.prove(name, proofText(nonce, signedPort))
    response.writeHead(proof === undefined ? 401 : 200).end(JSON.stringify({ proof }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = server.address() as AddressInfo
    const origin = `http://127.0.0.1:${port}`
    signedPort = port
    assert.equal(await proveDaemon(origin, token), true)
    assert.equal(await proveDaemon(origin, 'A'.repeat(43)), false)
    signedPort = port + 1
    await assert.rejects(proveDaemon(origin, token), /not the background service/)
    assert.ok(asked.length === 3 && asked.every((text) => !text.includes(token)))
  } finally {
    server.closeAllConnections()
    server.close()
    db.close()
  }
})
