/**
 * Close-to-open and read-your-writes: processes on two mounts of one volume (two of ours; ours and the reference) write
 * and read registers, and the history of all of them must be possible (harness/history.ts): who opens after a close sees
 * what was closed or something later, nothing goes back, and nothing is torn.
 * POMELO_FAULT_ROUNDS and POMELO_FAULT_SEED change the run.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { root } from '../../scripts/runtime.mjs'
import { FAULT_ROUNDS, FAULT_SEED } from '../crash/rounds.ts'
import { isLong, useEngines } from '../harness/engines.ts'
import { impossible, type Operation } from '../harness/history.ts'
import { otherMount } from '../harness/other-mount.ts'
import { orSkip } from '../harness/skip.ts'
import { must, mustPomelo, noMount } from '../harness/volume.ts'

const SCRIPT = join(root, 'e2e', 'interop', 'registers.py')
const LASTS_SEC = isLong ? 5 : 2
const PROCESSES = 4
const KINDS = 'replaced,slot,cut'
/**
 * What the reference does not get right is left to us: its counters drift when a rename of its own that replaces something
 * races others (meta-records.md §15), and it keeps to the length of what it wrote until the kernel's word of its close.
 */
const THEIR_KINDS = 'slot'
/** Names lag by the time that a mount may keep them; what is opened does not. */
const FRESH_NAMES = ['--entry-cache', '0', '--dir-entry-cache', '0']

for (const engine of useEngines())
  for (const other of ['ours', 'the reference'] as const)
    if (isLong || (engine.name === 'sqlite3') === (other === 'the reference'))
      test(`registers on our mount and one of ${other} have a possible history: ${engine.name}, seed ${FAULT_SEED}`, {
        skip: noMount || engine.skip,
        timeout: 60_000 + FAULT_ROUNDS * 60_000,
      }, async (t) => {
        await using volume = await engine.makeVolume(['--block-size', '64K'])
        await volume.mount(FRESH_NAMES)
        await using mount = orSkip(
          await otherMount(
            volume,
            other,
            other === 'ours' ? FRESH_NAMES : ['--attr-cache', '0', ...FRESH_NAMES],
          ),
          t,
        )
        if (mount === undefined) return
        let operations = 0
        for (let round = 0; round < FAULT_ROUNDS; round++)
          operations += await play(
            volume.mountPoint,
            mount.mountPoint,
            other === 'ours' ? KINDS : THEIR_KINDS,
            `round-${round}`,
            FAULT_SEED + round,
          )
        t.diagnostic(`${operations} operations`)
        await mount[Symbol.asyncDispose]()
        await volume.unmount()
        await mustPomelo(['fsck', volume.meta])
      })

async function play(
  ours: string,
  theirs: string,
  writtenThere: string,
  name: string,
  seed: number,
): Promise<number> {
  await must('mkdir', [join(ours, name)])
  await must('python3', [SCRIPT, join(ours, name), '-1', '0', '0', KINDS, KINDS])
  const outputs = await Promise.all(
    Array.from({ length: PROCESSES }, (_, who) => {
      const [folder, written] =
        mountOf(`${who}`) === 0 ? [join(ours, name), KINDS] : [join(theirs, name), writtenThere]
      const words = [SCRIPT, folder, `${who}`, `${seed}`, `${LASTS_SEC}`, KINDS, written]
      return must('python3', words)
    }),
  )
  const registers = new Map<string, Operation[]>()
  let count = 0
  for (const [who, output] of outputs.entries())
    for (const line of output.trim().split('\n')) {
      const [register, kind, value, from, to] = line.split(' ') as [
        string,
        'read' | 'write',
        string,
        string,
        string,
      ]
      const operation = {
        who: `${who}`,
        kind,
        value,
        from: Number(from),
        to: to === 'inf' ? Infinity : Number(to),
      }
      count++
      const list = registers.get(register)
      if (list === undefined) registers.set(register, [operation])
      else list.push(operation)
    }
  const wrong: string[] = []
  for (const [register, history] of registers) {
    const seen = withoutUnclosed(history)
    const problem = impossible(register.startsWith('cut') ? withoutCuts(seen) : seen, '0')
    if (problem !== undefined) wrong.push(`${register}: ${problem}`)
  }
  assert.deepEqual(wrong, [], `${name}, seed ${seed}; processes 0 and 2 are on our mount`)
  return count
}

/** What is not closed yet is seen on the mount that writes it, as POSIX has it, and on no other. */
function withoutUnclosed(history: readonly Operation[]): readonly Operation[] {
  const writes = new Map(history.filter(({ kind }) => kind === 'write').map((write) => [write.value, write]))
  return history.filter(({ kind, who, value, from }) => {
    const write = writes.get(value)
    return kind === 'write' || write === undefined || mountOf(who) !== mountOf(write.who) || from >= write.to
  })
}

const mountOf = (who: string): number => Number(who) % 2

/**
 * While a file is written anew, it may be empty, or of two versions. Zeros are what the kernel shows up to a length that
 * it was told by a lookup which overlapped both the cut and the read.
 */
function withoutCuts(history: readonly Operation[]): readonly Operation[] {
  const writes = history.filter(({ kind }) => kind === 'write')
  return history.filter(
    (operation) =>
      !/^(empty|mixed|zeros)/.test(operation.value) ||
      !writes.some(({ from, to }) => from < operation.to && operation.from < to),
  )
}
