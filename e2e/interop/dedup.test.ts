/**
 * Slices shared by `pomelo dedup` while both clients have the volume mounted and one of them writes: every file keeps
 * its bytes, the reference's tools find nothing wrong, deleting one sharer leaves the others whole, and the bucket
 * shrinks by what was said.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { isLong, useEngines } from '../harness/engines.ts'
import { Reference } from '../harness/reference.ts'
import { mustPomelo, noMount, sh, type TestVolume } from '../harness/volume.ts'

/** Copied, shifted and edited files of a seed, and one that is rewritten with the same bytes again and again. */
const FILL = `
import os, random, sys
folder, seed = sys.argv[1], int(sys.argv[2])
rng = random.Random(seed)
os.makedirs(folder, exist_ok=True)
for n in range(6):
    data = rng.randbytes(rng.choice([100, 70_000, 300_000, 2_500_000]))
    edited = bytearray(data)
    edited[rng.randrange(len(data))] ^= 255
    for kind, bytes in {'a': data, 'copy': data, 'again': data, 'shifted': b'x' + data, 'edited': edited}.items():
        with open(f'{folder}/{n}.{kind}', 'wb') as f: f.write(bytes)
`

const WRITER = `
import os, random, sys
folder = sys.argv[1]
rng = random.Random(7)
data = random.Random(8).randbytes(70_000)
print('ready', flush=True)
while not os.path.exists(folder + '/stop'):
    n = rng.randrange(8)
    with open(f'{folder}/busy{n}', 'r+b' if os.path.exists(f'{folder}/busy{n}') else 'wb') as f:
        f.write(data)
        f.seek(rng.randrange(70_000)); at = f.tell(); f.write(bytes([n + 1])); f.flush()
        f.seek(at); f.write(data[at:at + 1])
`

async function sums(folder: string): Promise<string> {
  return await sh('find ours theirs -type f | sort | xargs sha256sum', { cwd: folder, timeoutMs: 120_000 })
}

async function bucketBytes(folder: string): Promise<number> {
  let sum = 0
  for (const item of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (item.isFile() && item.parentPath.includes('chunks'))
      sum += (await stat(join(item.parentPath, item.name))).size
  return sum
}

for (const engine of useEngines().filter(({ name }) => isLong || name === 'redis')) {
  const limits = { skip: noMount || engine.skip, timeout: 300_000 }
  test(
    `equal slices become one beside the reference client, and a writer loses nothing: ${engine.name}`,
    limits,
    async (t) => {
      const reference = await Reference.find()
      if (typeof reference === 'string') return t.skip(reference)
      await using volume = await engine.placeForVolume()
      await reference.format(volume, ['--trash-days', '0', '--block-size', '1M'])
      let before: string
      {
        await using theirs = await reference.mount(volume)
        await volume.mount()
        await sh(`python3 - ${theirs.mountPoint}/theirs 1 <<'E'\n${FILL}\nE`, { timeoutMs: 120_000 })
        await sh(`python3 - ${volume.mountPoint}/ours 1 <<'E'\n${FILL}\nE`, { timeoutMs: 120_000 })
        await sh('mkdir busy', { cwd: theirs.mountPoint })
        before = await sums(volume.mountPoint)
        const writer = spawn('python3', ['-c', WRITER, join(theirs.mountPoint, 'busy')], {
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        const ended = once(writer, 'close')
        await once(writer.stdout, 'data')
        for (let round = 0; round < 3; round++)
          await mustPomelo(['dedup', '--apply', volume.mountPoint], { timeoutMs: 120_000 })
        await sh('touch stop', { cwd: join(theirs.mountPoint, 'busy') })
        assert.deepEqual(await ended, [0, null])
        const ofBusy = await sh('cat busy/busy? | sha256sum; ls busy/busy? | wc -l', {
          cwd: theirs.mountPoint,
        })
        const [digest, count] = ofBusy.split(/\s+-?\s*/)
        const wanted = await sh(
          `python3 -c "import random,hashlib;print(hashlib.sha256(random.Random(8).randbytes(70000)*${count}).hexdigest())"`,
        )
        assert.equal(digest, wanted.trim(), 'what was written while slices were shared')
        assert.equal(await sums(theirs.mountPoint), before)
        await volume.unmount()
      }
      await clean(volume)
      await reference.checks(volume)

      const bytes = await bucketBytes(volume.bucket)
      const cache = join(volume.folder, 'tool-cache')
      const dedup = ['dedup', '--json', '--cache-dir', cache, volume.meta]
      assert.equal(JSON.parse(await mustPomelo(dedup)).applied, false)
      assert.equal(await bucketBytes(volume.bucket), bytes)
      const { done } = JSON.parse(await mustPomelo([...dedup, '--apply']))
      await clean(volume)
      assert.equal(bytes - (await bucketBytes(volume.bucket)), done.storedBytes)

      // Each of the sharers can go.
      await using theirs = await reference.mount(volume)
      assert.equal(await sums(theirs.mountPoint), before)
      await sh('rm theirs/*.a theirs/*.again; rm -r ours/*; touch ours/none', { cwd: theirs.mountPoint })
      await theirs.unmount()
      await clean(volume)
      await volume.mount(['--cache-size', '0'])
      const left = (text: string) =>
        text.split('\n').filter((line) => /theirs\/\d+\.(copy|edited|shifted)/.test(line))
      assert.deepEqual(left(await sums(volume.mountPoint)), left(before))
      await volume.unmount()
      await reference.checks(volume)
    },
  )
}

/** Remove what nobody uses, at once. */
async function clean({ meta }: TestVolume): Promise<void> {
  await mustPomelo(['gc', '--delete', meta], { env: { JFS_GC_SKIPPEDTIME: '0' } })
}
