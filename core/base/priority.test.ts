import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { test } from 'node:test'
import { comeLast } from './priority.ts'

const skip = process.platform !== 'linux' && 'Linux has such priorities'

/** Of a session, where sessions are scheduled as groups. */
function autogroup(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/autogroup`, 'utf8').trim().split(' ').slice(1).join(' ')
  } catch {
    return undefined
  }
}

test('a process comes last with all its threads, those that it starts later too, and nobody else does', {
  skip,
}, async () => {
  // A file call starts the threads of libuv's pool.
  const code = `require('fs').stat('/', () => console.log('ready')); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['-e', code], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    comeLast(child.pid!)
    await new Promise((resolve) => child.stdout.once('data', resolve))
    const threads = readdirSync(`/proc/${child.pid}/task`).map(Number)
    assert.ok(threads.length > 4, `${threads.length} threads`)
    for (const thread of threads) {
      assert.equal(getPriority(thread), 19)
      assert.deepEqual(await said('ionice', '-p', String(thread)), 'idle')
    }
    assert.notEqual(getPriority(), 19)
  } finally {
    child.kill('SIGKILL')
  }
})

test('a session comes last, and is among equals again', {
  skip: skip || (autogroup(process.pid) === undefined && 'sessions are no groups here'),
}, async () => {
  const module = JSON.stringify(new URL('./priority.ts', import.meta.url).href)
  const code = `
    import { readFileSync } from 'node:fs'
    const { sessionLast } = await import(${module})
    const nice = () => readFileSync('/proc/self/autogroup', 'utf8').trim().split(' ').slice(1).join(' ')
    const said = []
    for (const isLast of [true, false]) {
      for (let tries = 0; !sessionLast(process.pid, isLast) && tries < 100; tries++) await new Promise((go) => setTimeout(go, 50))
      said.push(nice())
    }
    console.log(said.join())`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  for await (const piece of child.stdout) text += String(piece)
  assert.equal(text.trim(), 'nice 19,nice 0')
})

test('a process that has ended is left alone', async () => {
  const child = spawn('true')
  await new Promise((resolve) => child.once('exit', resolve))
  comeLast(child.pid!)
})

async function said(program: string, ...args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  for await (const piece of child.stdout) text += String(piece)
  return text.trim()
}
