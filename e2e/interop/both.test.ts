/**
 * Our client and the reference mounted on one volume at the same moment, and what one does after the other was
 * killed. A long run takes every engine with and without a trash; CI one of them an engine.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { root } from '../../scripts/runtime.mjs'
import { isLong, type UsedEngine, useEngines } from '../harness/engines.ts'
import { Reference } from '../harness/reference.ts'
import { must, mustPomelo, noMount, run, type TestVolume } from '../harness/volume.ts'

const here = (name: string): string => join(root, 'e2e', 'interop', name)
const limits = (engine: UsedEngine) => ({ skip: noMount || engine.skip, timeout: 240_000 })
/** So that each sees what the other did a moment ago. */
const FRESH = ['--attr-cache', '0', '--entry-cache', '0', '--dir-entry-cache', '0']

const engines = useEngines({ all: true })

/** Whether CI runs it with a trash; where it says nothing, CI runs none of this. */
const QUICK: Readonly<Partial<Record<UsedEngine['name'], boolean>>> = {
  sqlite3: false,
  redis: true,
  postgres: false,
  tikv: true,
}

for (const engine of engines)
  for (const trash of [true, false]) if (isLong || QUICK[engine.name] === trash) together(engine, trash)

function together(engine: UsedEngine, trash: boolean): void {
  const word = trash ? 'with' : 'without'
  test(
    `both clients work in one volume at the same moment, ${word} a trash: ${engine.name}`,
    limits(engine),
    async (t) => {
      const reference = await Reference.find()
      if (typeof reference === 'string') return t.skip(reference)
      await using volume = await engine.makeVolume(['--trash-days', trash ? '1' : '0'])
      await volume.mount()
      {
        await using theirs = await reference.mount(volume, FRESH)
        const args = [here('both.py'), volume.mountPoint, theirs.mountPoint, word]
        const told = await run('python3', args, { timeoutMs: 150_000 })
        assert.equal(told.code, 0, told.stdout + told.stderr + volume.log)
        t.diagnostic(told.stdout.trim().replaceAll('\n', ', '))
      }
      await volume.unmount()
      await reference.checks(volume)
      await mustPomelo(['fsck', volume.meta])
      await mustPomelo(['fsck', '--path', '/', '--recursive', '--sync-dir-stat', volume.meta])
    },
  )
}

/** Holds a lock and a file that has no name any more, until it is killed. */
const HOLDER = `
import fcntl, os, sys, time
os.chdir(sys.argv[1])
lock = os.open('lock', os.O_CREAT | os.O_RDWR, 0o644)
fcntl.flock(lock, fcntl.LOCK_EX)
fcntl.lockf(os.open('range', os.O_CREAT | os.O_RDWR, 0o644), fcntl.LOCK_EX)
gone = os.open('gone', os.O_CREAT | os.O_RDWR, 0o644)
os.write(gone, os.urandom(300_000))
os.fsync(gone)
os.unlink('gone')
print('holding', flush=True)
time.sleep(300)
`

/** Waits for both locks, at most for a minute. */
const TAKER = `
import fcntl, os, signal, sys
signal.alarm(60)
os.chdir(sys.argv[1])
fcntl.flock(os.open('lock', os.O_RDWR), fcntl.LOCK_EX)
fcntl.lockf(os.open('range', os.O_RDWR), fcntl.LOCK_EX)
`

/** The reference adds its statistics up for a second; what a kill takes away before is not ours to look for. */
const STATISTICS_MS = 1500

/** A session ends five heartbeats after its last. */
const HEARTBEAT = ['--heartbeat', '2s']

for (const engine of engines)
  for (const killed of ['we', 'the reference'] as const)
    if (isLong || (engine.name in QUICK && (engine.name === 'redis') === (killed === 'we')))
      test(
        `when ${killed} die, the other gives back locks and data: ${engine.name}`,
        limits(engine),
        async (t) => {
          const reference = await Reference.find()
          if (typeof reference === 'string') return t.skip(reference)
          await using volume = await engine.makeVolume(['--trash-days', '0'])
          await volume.mount(HEARTBEAT)
          await using theirs = await reference.mount(volume, [...FRESH, ...HEARTBEAT])
          const [from, to] =
            killed === 'we' ? [volume.mountPoint, theirs.mountPoint] : [theirs.mountPoint, volume.mountPoint]
          const holder = await held(from)
          await sleep(STATISTICS_MS)
          await (killed === 'we' ? volume.kill() : theirs.kill())
          holder.kill('SIGKILL')
          const started = performance.now()
          await must('python3', ['-c', TAKER, to], { timeoutMs: 70_000 })
          t.diagnostic(`locks came after ${((performance.now() - started) / 1000).toFixed(1)} s`)
          await untilOneSession(volume)
          await volume.unmount()
          await theirs.unmount()
          await reference.checks(volume)
          await mustPomelo(['fsck', '--sync-dir-stat', volume.meta])
          const left = await must('find', [volume.bucket, '-path', '*chunks*', '-type', 'f'])
          assert.equal(left, '', 'the data of the file without a name are still there')
        },
      )

async function held(mountPoint: string): Promise<ChildProcess> {
  const holder = spawn('python3', ['-c', HOLDER, mountPoint], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise<void>((resolve, reject) => {
    holder.stdout.once('data', () => resolve())
    holder.once('exit', (code) => reject(new Error(`the holder ended with ${code}`)))
  })
  return holder
}

async function untilOneSession(volume: TestVolume): Promise<void> {
  for (let tries = 0; ; tries++) {
    const { Sessions } = JSON.parse(await mustPomelo(['status', volume.meta])) as {
      Sessions: readonly unknown[]
    }
    if (Sessions.length === 1) return
    assert.ok(tries < 20, `there are still ${Sessions.length} sessions`)
    await sleep(1000)
  }
}
