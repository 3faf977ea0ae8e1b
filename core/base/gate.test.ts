import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Gate, gated, pass } from './gate.ts'

test('work waits at a closed gate, goes on when it opens, and only work with that gate', async () => {
  const gate = new Gate()
  const stop = new AbortController()
  const signal = gated(stop.signal, gate)
  const changes: boolean[] = []
  gate.onChange(() => changes.push(gate.isClosed))
  await pass(signal)
  gate.close()
  gate.close()
  await pass(stop.signal)
  await pass(undefined)
  let passed = 0
  const waiting = [1, 2].map(() => pass(signal).then(() => passed++))
  await turn()
  assert.equal(passed, 0)
  gate.open()
  await Promise.all(waiting)
  assert.deepEqual([passed, changes], [2, [true, false]])
})

test('work that never waits lets others have their turn', async () => {
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  const end = performance.now() + 5000
  while (turns < 3 && performance.now() < end) await pass(undefined)
  clearInterval(timer)
  assert.ok(turns >= 3, `${turns} turns`)
})

test('who waits at a gate can be cancelled', async () => {
  const gate = new Gate()
  const stop = new AbortController()
  const signal = gated(stop.signal, gate)
  gate.close()
  const waiting = pass(signal)
  stop.abort(new Error('enough'))
  await assert.rejects(waiting, /enough/)
  await assert.rejects(pass(signal), /enough/)
})
