/**
 * What the process of a mount holds: under a mix of readers and writers no more than its buffers and 200 MiB, and no
 * more after many opens than after few. A long run moves 20 GiB and opens 100,000 times.
 */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import test from 'node:test'
import { isLong } from '../harness/engines.ts'
import { makeVolume, must, noMount, type TestVolume } from '../harness/volume.ts'

const BUFFER_MIB = 64
const BESIDE_MIB = 200
const MIX_MIB = isLong ? 20_480 : 768
const OPENS = isLong ? 100_000 : 6_000
const GROWTH_MIB = 24

/** Writes, overwrites, reads and small files side by side, until TOTAL MiB were written; what was read is compared. */
const MIX = `
import os, random, sys, threading
folder, total = sys.argv[1], int(sys.argv[2])
failed = []
def guarded(work):
    def run(*args):
        try: work(*args)
        except BaseException as error: failed.append(repr(error))
    return run
@guarded
def stream(k):
    rng = random.Random(k)
    for round in range(max(1, total // 4 // 128)):
        path = f'{folder}/stream-{k}-{round % 2}'
        pieces = [rng.randbytes(1 << 20) for _ in range(4)]
        with open(path, 'wb', 0) as f:
            for n in range(128): f.write(pieces[n % 4])
        with open(path, 'rb', 0) as f:
            for n in range(128):
                if f.read(1 << 20) != pieces[n % 4]: raise Exception('wrong bytes')
        with open(path, 'r+b', 0) as f:
            for _ in range(500):
                f.seek(rng.randrange((128 << 20) - 4096))
                f.write(pieces[0][:4096])
@guarded
def small(k):
    rng = random.Random(100 + k)
    for n in range(total):
        with open(f'{folder}/small-{k}-{n % 200}', 'wb') as f: f.write(rng.randbytes(rng.randrange(200_000)))
threads = [threading.Thread(target=stream, args=(k,)) for k in range(4)] + [threading.Thread(target=small, args=(k,)) for k in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
if failed: sys.exit('; '.join(failed))
`

const OPEN = `
import os, sys
folder, times = sys.argv[1], int(sys.argv[2])
for n in range(times):
    fd = os.open(f'{folder}/small-{n % 500}', os.O_RDONLY)
    os.read(fd, 8192)
    os.close(fd)
`

/** MiB of memory: now (`VmRSS`), or the most since it was asked to begin anew (`VmHWM`). */
async function memory(volume: TestVolume, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${volume.pid}/status`, 'utf8')
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)![1]) / 1024
}

const limits = { skip: noMount, timeout: isLong ? 3_600_000 : 240_000 }

test(
  `a mix of ${MIX_MIB} MiB is served in ${BUFFER_MIB} MiB of buffers and ${BESIDE_MIB} MiB beside`,
  limits,
  async (t) => {
    await using volume = await makeVolume(['--trash-days', '0'])
    await volume.mount(['--buffer-size', `${BUFFER_MIB}M`])
    await writeFile(`/proc/${volume.pid}/clear_refs`, '5')
    await must('python3', ['-c', MIX, volume.mountPoint, String(MIX_MIB)], { timeoutMs: limits.timeout })
    const most = await memory(volume, 'VmHWM')
    t.diagnostic(`${most.toFixed(0)} MiB at most`)
    assert.ok(most <= BUFFER_MIB + BESIDE_MIB, `${most} MiB`)
  },
)

test(`${OPENS} opens, reads and closes of small files leave nothing behind`, limits, async (t) => {
  await using volume = await makeVolume()
  await volume.mount()
  const folder = volume.mountPoint
  await must('bash', [
    '-ec',
    `for n in $(seq 0 499); do head -c 4096 /dev/urandom > ${folder}/small-$n; done`,
  ])
  const open = (times: number): Promise<string> =>
    must('python3', ['-c', OPEN, folder, String(times)], { timeoutMs: limits.timeout })
  await open(OPENS / 3)
  const before = await memory(volume, 'VmRSS')
  await open(OPENS)
  const after = await memory(volume, 'VmRSS')
  t.diagnostic(`${before.toFixed(0)} MiB before, ${after.toFixed(0)} MiB after`)
  assert.ok(after - before < GROWTH_MIB, `from ${before} to ${after} MiB`)
})
