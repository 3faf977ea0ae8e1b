/**
 * Small writes all over a file share slices (core/vfs/pending-slice.ts): the reference client reads such a file, checks
 * it, compacts it and deletes it, and no object is left behind or gone too early.
 */
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { useEngines } from '../harness/engines.ts'
import { Reference } from '../harness/reference.ts'
import { must, mustPomelo, noMount, sh, type TestVolume } from '../harness/volume.ts'

const WRITES = 700

/** Overwrites parts of `<folder>/file` and of a copy beside the volume in the same way. */
const SCATTER = `
import os, random, sys
rng = random.Random(11)
folder, copy = sys.argv[1:]
size = 8 << 20
whole = rng.randbytes(size)
for path in (folder + '/file', copy):
    with open(path, 'wb') as f: f.write(whole)
places = [(rng.randrange(size - 5000), rng.randbytes(rng.randrange(1, 5000))) for _ in range(${WRITES})]
for path in (folder + '/file', copy):
    fd = os.open(path, os.O_RDWR)
    for at, data in places: os.pwrite(fd, data, at)
    os.fsync(fd)
    os.close(fd)
`

async function objects(volume: TestVolume): Promise<string[]> {
  const paths = await readdir(join(volume.bucket, 'e2e-volume', 'chunks'), { recursive: true })
  return paths.filter((path) => /\d+_\d+_\d+$/.test(path))
}

for (const engine of useEngines())
  test(`${engine.name}: writes that share a slice are the reference's, too`, {
    skip: noMount || engine.skip,
    timeout: 240_000,
  }, async (t) => {
    const reference = await Reference.find()
    if (typeof reference === 'string') return t.skip(reference)
    await using volume = await engine.makeVolume(['--trash-days', '0'])
    const copy = join(volume.folder, 'copy')
    await volume.mount()
    await must('python3', ['-c', SCATTER, volume.mountPoint, copy])
    await must('cmp', [join(volume.mountPoint, 'file'), copy])
    await volume.unmount()
    assert.ok((await objects(volume)).length < WRITES / 10, 'writes shared objects')
    await mustPomelo(['fsck', volume.meta])
    await reference.checks(volume)
    {
      await using mount = await reference.mount(volume)
      const file = join(mount.mountPoint, 'file')
      await must('cmp', [file, copy])
      await reference.must(['compact', mount.mountPoint])
      await sh(`cp --sparse=never '${file}' '${join(mount.mountPoint, 'again')}'`)
      await must('cmp', [join(mount.mountPoint, 'again'), copy])
      await must('cmp', [file, copy])
    }
    await reference.checks(volume)
    {
      await using mount = await reference.mount(volume)
      await sh(`rm '${mount.mountPoint}/file' '${mount.mountPoint}/again'`)
    }
    await reference.must(['gc', '--delete', volume.meta], { JFS_GC_SKIPPEDTIME: '0' })
    assert.deepEqual(await objects(volume), [], 'nothing is left')
  })
