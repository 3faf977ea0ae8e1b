import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { test } from 'node:test'
import { comeLast } from './priority.ts'

/** proc(5): the fields after the name; policy is the 41st of all. */
const POLICY = 41 - 3
const SCHED_IDLE = 5

function policies(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[POLICY])
  })
}

test('a process comes last with all its threads, those that it starts later too, and nobody else does', {
  skip: process.platform !== 'linux' && 'Linux has such priorities',
}, async () => {
  // A file call starts the threads of libuv's pool.
  const code = `require('fs').stat('/', () => console.log('ready')); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    comeLast(child.pid!)
    await new Promise((resolve) => child.stdout.once('data', resolve))
    const found = policies(child.pid!)
    assert.ok(found.length > 4, `${found.length} threads`)
    assert.deepEqual(new Set(found), new Set([SCHED_IDLE]))
    assert.equal(getPriority(child.pid), 19)
    assert.notEqual(getPriority(), 19)
    assert.ok(!policies(process.pid).includes(SCHED_IDLE))
  } finally {
    child.kill('SIGKILL')
  }
})

test('a process that has ended is left alone', async () => {
  const child = spawn('true')
  await new Promise((resolve) => child.once('exit', resolve))
  comeLast(child.pid!)
})
