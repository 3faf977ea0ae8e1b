/**
 * A mount whose process is stopped for longer than its session lives, while another client (ours, or the reference) takes
 * it for dead, gets its locks and changes its files. When it goes on: nothing acknowledged is lost, no wrong bytes are
 * read, locks that are gone are reported and nothing is written under them, and the mount works as before.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isLong, useEngines } from '../harness/engines.ts'
import { otherMount } from '../harness/other-mount.ts'
import { orSkip } from '../harness/skip.ts'
import { must, mustPomelo, noMount, sh } from '../harness/volume.ts'
import { checkAfterCrash } from './check.ts'
import { Holder } from './holder.ts'
import { FAULT_ROUNDS } from './rounds.ts'

/** A session lives for five of them. */
const HEARTBEAT = ['--heartbeat', '1s']
const FRESH = ['--attr-cache', '0', '--entry-cache', '0', '--dir-entry-cache', '0']
const EIO = 'errno 5'
/** Each takes as long as a session lives; half of them go on before the next heartbeat, half after. */
const MOST_ROUNDS = 4

/** Takes both locks that the sleeper has, waiting up to a minute, and writes under them. */
const TAKER = `
import fcntl, os, signal, sys
signal.alarm(60)
os.chdir(sys.argv[1])
lock, locked = os.open('lock', os.O_RDWR), os.open('locked', os.O_RDWR)
fcntl.flock(lock, fcntl.LOCK_EX)
fcntl.lockf(locked, fcntl.LOCK_EX)
os.pwrite(lock, b'their', 0)
os.pwrite(locked, b'their', 0)
os.pwrite(os.open('plain', os.O_RDWR), b'their', 0)
`

for (const engine of useEngines())
  for (const other of ['ours', 'the reference'] as const)
    for (let round = 0; round < Math.min(FAULT_ROUNDS, MOST_ROUNDS); round++)
      if (isLong || (engine.name === 'sqlite3' && other === 'the reference'))
        test(`asleep for longer than its session, taken for dead by ${other}: ${engine.name}, round ${round}`, {
          skip: noMount || engine.skip,
          timeout: 180_000,
        }, async (t) => {
          await using volume = await engine.makeVolume(['--trash-days', '0', '--block-size', '64K'])
          await volume.mount(HEARTBEAT)
          await using mount = orSkip(await otherMount(volume, other, [...HEARTBEAT, ...FRESH]), t)
          if (mount === undefined) return
          await using holder = await Holder.start(volume.mountPoint)
          assert.equal(await holder.does('write plain'), 'ok 4000')
          assert.equal(await holder.does('write locked'), 'ok 4000')
          process.kill(volume.pid!, 'SIGSTOP')
          try {
            await must('python3', ['-c', TAKER, mount.mountPoint], { timeoutMs: 70_000 })
          } finally {
            process.kill(volume.pid!, 'SIGCONT')
          }
          // Before the next heartbeat, or after.
          await sleep(round % 2 === 0 ? 0 : 2500)

          assert.equal(await holder.does('fsync locked'), EIO, 'written under a lock that is gone')
          assert.equal(await holder.does('read locked'), EIO)
          assert.equal(await holder.does('write lock'), EIO)
          assert.equal(await holder.does('unlock'), EIO, 'who trusted the lock is told')
          assert.equal(await holder.does('unlock locked'), EIO)
          assert.match(await holder.does('read gone'), /^ok True$|^errno/)
          assert.match(await holder.does('fsync gone'), /^errno/, 'its data are gone: others deleted it')
          assert.equal(await holder.does('fsync plain'), 'ok None')
          assert.equal(await holder.does('lock'), 'ok None')
          assert.equal(await holder.does('make'), 'ok None')
          assert.match(volume.log, /locks held through this mount are gone/)
          await sh('echo again > again; cat again', { cwd: volume.mountPoint })
          const { Sessions } = JSON.parse(await mustPomelo(['status', volume.meta])) as {
            Sessions: unknown[]
          }
          assert.equal(Sessions.length, 2)
          // An error sticks to a file until it is closed everywhere.
          await holder[Symbol.asyncDispose]()
          for (const at of [volume.mountPoint, mount.mountPoint]) {
            const plain = await must('cat', [join(at, 'plain')])
            assert.equal(plain, `theirept${'kept'.repeat(998)}${'more'.repeat(1000)}`)
            assert.equal((await must('cat', [join(at, 'locked')])).slice(0, 8), 'theirine')
            assert.equal((await must('cat', [join(at, 'lock')])).slice(0, 8), 'their')
          }
          await mount[Symbol.asyncDispose]()
          await checkAfterCrash(volume, engine, t)
        })
