/**
 * How a mount ends, and what fsync means: stopping while writers run, a mount that is in use, one whose process
 * died, the order of flushes below an fsync, and that heavy metadata work keeps nobody waiting.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { nodeBinary, root } from '../../scripts/runtime.mjs'
import { useEngines } from '../harness/engines.ts'
import * as tools from '../harness/tools.ts'
import { makeVolume, must, mustPomelo, noMount, pomelo, run } from '../harness/volume.ts'

const WRITERS = 3
const engines = useEngines()
const limits = { skip: noMount, timeout: 120_000 }
const script = (name: string): string => join(root, 'e2e', 'crash', name)

for (const engine of engines)
  test(`SIGTERM while writers run loses nothing, and the process ends with 0: ${engine.name}`, {
    ...limits,
    skip: noMount || engine.skip,
  }, async (t) => {
    await using volume = await engine.makeVolume(['--trash-days', '0'])
    await volume.mount()
    const folder = join(volume.mountPoint, 'd')
    await must('mkdir', [folder])
    const journals = Array.from({ length: WRITERS }, (_, k) => join(volume.folder, `journal-${k}`))
    const writers = journals.map((journal, k) =>
      start('python3', [script('writer.py'), folder, journal, '1', `${k}`]),
    )
    await sleep(2000)
    const stopping = volume.unmount()
    // They hold files open: it is detached and ends when they do.
    await until(() => /detached/.test(volume.log), 'the mount was not detached')
    for (const writer of writers) writer.kill('SIGTERM')
    await stopping
    assert.match(volume.log, /in use by .*python/)
    await volume.mount()
    const check = await run('python3', [script('verify.py'), folder, ...journals])
    assert.equal(check.code, 0, check.stdout + volume.log)
    t.diagnostic(check.stdout.trim())
    await volume.unmount()
    await mustPomelo(['fsck', '--sync-dir-stat', volume.meta])
  })

test('Ctrl-C twice ends a mount that is in use at once, with what was closed stored', limits, async () => {
  await using volume = await makeVolume()
  await volume.mount()
  await must('sh', ['-c', `echo kept > ${volume.mountPoint}/kept`])
  const holder = start('sleep', ['60'], volume.mountPoint)
  const { pid } = volume
  process.kill(pid!, 'SIGINT')
  await until(() => /detached/.test(volume.log), 'the mount was not detached')
  const started = performance.now()
  process.kill(pid!, 'SIGINT')
  await until(() => !isAlive(pid!), 'the process did not end')
  assert.ok(performance.now() - started < 8000)
  holder.kill()
  await volume.kill()
  await volume.mount()
  assert.equal(await must('cat', [join(volume.mountPoint, 'kept')]), 'kept\n')
})

test('umount of a mount in use names who uses it, and works once they are gone', limits, async () => {
  await using volume = await makeVolume()
  await volume.mount()
  const holder = start('sh', ['-c', 'exec 3> held; sleep 60 & wait'], volume.mountPoint)
  await until(
    async () => (await run('test', ['-e', join(volume.mountPoint, 'held')])).code === 0,
    'no file was made',
  )
  const refused = await pomelo(['umount', volume.mountPoint])
  assert.notEqual(refused.code, 0)
  assert.match(refused.stderr + refused.stdout, new RegExp(`\\b${holder.pid}\\b`))
  assert.equal((await run('stat', [join(volume.mountPoint, 'held')])).code, 0, 'it still serves')
  process.kill(-holder.pid!, 'SIGKILL')
  await sleep(300)
  await mustPomelo(['umount', volume.mountPoint])
  await volume.unmount()
})

for (const engine of engines)
  test(`a mount point whose process was killed can be mounted again at once: ${engine.name}`, {
    ...limits,
    skip: noMount || engine.skip,
  }, async () => {
    await using volume = await engine.makeVolume()
    await volume.mount()
    await must('sh', ['-c', `echo kept > ${volume.mountPoint}/kept`])
    process.kill(volume.pid!, 'SIGKILL')
    await until(async () => (await run('stat', [volume.mountPoint])).code !== 0, 'the mount is not dead')
    await volume.mount()
    assert.equal(await must('cat', [join(volume.mountPoint, 'kept')]), 'kept\n')
  })

test(
  'before fsync returns the object, its folders and the metadata log are flushed, in this order',
  limits,
  async (t) => {
    const strace = await tools.strace()
    if (strace.path === undefined) return t.skip(strace.missing)
    await using volume = await makeVolume()
    await volume.mount()
    const trace = join(volume.folder, 'trace')
    const args = ['-f', '-y', '-e', 'trace=fsync,fdatasync', '-o', trace, '-p', `${volume.pid}`]
    const tracer = spawn(strace.path, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    t.after(() => tracer.kill('SIGKILL'))
    let told = ''
    tracer.stderr.on('data', (data: Buffer) => (told += data))
    await until(() => /attached/.test(told) || tracer.exitCode !== null, 'strace did not attach')
    if (tracer.exitCode !== null) return t.skip(`strace may not attach here: ${told.trim()}`)
    await must('dd', ['if=/dev/zero', `of=${volume.mountPoint}/f`, 'bs=5000', 'count=1', 'conv=fsync'])
    // dd has returned: what is in the trace by now came before.
    const lines = (await readFile(trace, 'utf8')).split('\n').filter((line) => /f(data)?sync\(/.test(line))
    const at = (what: RegExp): number => lines.findIndex((line) => what.test(line))
    const object = at(/<[^>]*\/bucket\/e2e-volume\/chunks\/[^>]*_5000>/)
    const folder = at(/<[^>]*\/bucket\/e2e-volume\/chunks\/\d+\/\d+>/)
    const log = lines.findLastIndex((line) => /<[^>]*\/meta\.db-wal>/.test(line))
    assert.ok(object >= 0 && folder > object && log > folder, lines.join('\n'))
    tracer.kill('SIGINT')
  },
)

test(
  'a stat is answered in time beside a writer of much metadata, checkpoints and all',
  limits,
  async (t) => {
    await using volume = await makeVolume(['--trash-days', '0'])
    await volume.mount()
    await must('mkdir', [join(volume.mountPoint, 'd')])
    const probe = join(volume.folder, 'probe.mjs')
    await writeFile(probe, PROBE)
    const writer = start('python3', ['-c', METADATA_WRITER, join(volume.mountPoint, 'd')])
    const told = await must(nodeBinary()!, [probe, volume.mountPoint], { timeoutMs: 60_000 })
    writer.kill('SIGKILL')
    const { p50, p99, max } = JSON.parse(told) as Record<'p50' | 'p99' | 'max', number>
    t.diagnostic(`stat beside the writer: p50 ${p50} ms, p99 ${p99} ms, worst ${max} ms`)
    assert.ok(p99 < 500, `50 ms on an idle machine; ${told}`)
    await rm(probe)
  },
)

/** 800 stats of names that do not exist, so that none is answered by the kernel. */
const PROBE = `
import { statSync } from 'node:fs'
const times = []
for (let k = 0; k < 800; k++) {
  const started = performance.now()
  statSync(process.argv[2] + '/missing-' + k, { throwIfNoEntry: false })
  times.push(performance.now() - started)
  await new Promise((resolve) => setTimeout(resolve, 5))
}
times.sort((a, b) => a - b)
const at = (part) => Math.round(times[Math.floor(times.length * part)] * 100) / 100
console.log(JSON.stringify({ p50: at(0.5), p99: at(0.99), max: at(0.999999) }))
`

const METADATA_WRITER = `
import os, sys
n = 0
while True:
    n += 1
    name = f'{sys.argv[1]}/{n}'
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
    os.rename(name, name + 'r')
    if n > 2000: os.unlink(f'{sys.argv[1]}/{n - 2000}r')
`

/** In a process group of its own; killed with whatever it started when the test file ends. */
function start(program: string, args: readonly string[], cwd?: string): ChildProcess {
  const child = spawn(program, args, { cwd, stdio: 'ignore', detached: true })
  process.on('exit', () => {
    try {
      process.kill(-child.pid!, 'SIGKILL')
    } catch {
      // Gone already.
    }
  })
  return child
}

async function until(holds: () => boolean | Promise<boolean>, complaint: string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (await holds()) return
    await sleep(50)
  }
  throw new Error(complaint)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
