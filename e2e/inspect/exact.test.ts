/**
 * Random writes, truncates, clones, renames, removals and compactions; at every rest the inspector's answer for each
 * object and each byte equals the brute force's, with an index that was built once and then heard of each change.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { rootContext } from '#core/base/context.ts'
import { FsError } from '#core/base/errno.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import { nameFromText } from '#core/base/name.ts'
import { O_RDWR } from '#core/base/open-flags.ts'
import { below, type Random, seededRandom } from '#core/base/random.ts'
import type { ObjectAnswer, SpaceView } from '#core/inspect/answers.ts'
import { TYPE_DIRECTORY } from '#core/meta/records.ts'
import { openVolume, type Volume } from '#core/volume/open-volume.ts'
import { runOperation } from '#core/volume/operations.ts'
import { isLong, useEngines } from '../harness/engines.ts'
import { mustPomelo, type TestVolume } from '../harness/volume.ts'
import { blockOfKey } from './brute-force.ts'
import { compareAll, listFolder } from './compare.ts'

const BLOCK = 64 * 1024
const CHUNK = 64 * 2 ** 20
const FILES = 8
const FOLDERS = 3
const STEPS = isLong ? 400 : 100
const RESTS = isLong ? 8 : 2
const SEEDS = isLong ? [1, 2, 3, 4, 5, 6] : [1]
const root = rootContext()

for (const engine of useEngines())
  for (const seed of SEEDS)
    for (const trashDays of engine.inFull ? [1, 0] : [1])
      test(`every object and byte is explained as by brute force: ${engine.name}, trash ${trashDays} days, seed ${seed}`, {
        skip: engine.skip,
        timeout: 540_000,
      }, async (t) => {
        await using place = await engine.makeVolume([
          '--block-size',
          '64K',
          '--trash-days',
          String(trashDays),
        ])
        const volume = await openVolume(place.meta, {
          noBackgroundJobs: true,
          indexDir: join(place.folder, 'index'),
        })
        try {
          await volume.inspector.index.ensure({})
          volume.inspector.hearOwn()
          await volume.inspector.index.rescan({})
          const random = seededRandom(seed * 2 + trashDays)
          const storm = new Storm(volume, random)
          for (let rest = 0; rest < RESTS; rest++) {
            for (let step = 0; step < STEPS; step++) await storm.step()
            await storm.rest()
            assert.equal(volume.inspector.index.isExact, true, 'nothing was missed')
            const compared = await compareVolume(place, volume)
            t.diagnostic(`rest ${rest}: ${JSON.stringify(compared)}`)
          }
        } finally {
          await volume.close()
        }
      })

for (const engine of useEngines())
  test(`an inspector that is told of nothing finds out what another client does: ${engine.name}`, {
    skip: engine.skip,
    timeout: 540_000,
  }, async (t) => {
    await using place = await engine.makeVolume(['--block-size', '64K'])
    const indexDir = join(place.folder, 'index')
    const writer = await openVolume(place.meta, { noBackgroundJobs: true, indexDir })
    const looker = await openVolume(place.meta, {
      noBackgroundJobs: true,
      readOnly: true,
      unrecorded: true,
      indexDir,
    })
    try {
      await looker.inspector.index.ensure({})
      const storm = new Storm(writer, seededRandom(7))
      for (let rest = 0; rest < RESTS; rest++) {
        for (let step = 0; step < STEPS; step++) await storm.step()
        await storm.rest()
        const compared = await compareVolume(place, looker)
        assert.equal(looker.inspector.index.isExact, false)
        t.diagnostic(`rest ${rest}: ${JSON.stringify(compared)}`)
      }
    } finally {
      await looker.close()
      await writer.close()
    }
  })

for (const engine of useEngines())
  test(`each object of a slice that was replaced or is unused is known by its slice: ${engine.name}`, {
    skip: engine.skip,
  }, async () => {
    for (const trashDays of [1, 0]) {
      await using place = await engine.makeVolume(['--block-size', '64K', '--trash-days', String(trashDays)])
      const volume = await openVolume(place.meta, {
        noBackgroundJobs: true,
        indexDir: join(place.folder, 'index'),
        maxDeletes: 0,
      })
      try {
        await replaceTwice(volume)
        const listing = await listFolder(join(place.bucket, volume.setting.Name))
        const old = [...listing.keys()].filter((key) => blockOfKey(key)?.slice === 1)
        assert.equal(old.length, 3)
        for (const key of old) {
          const { reason, complete } = (await patient(volume, 'inspectObject', { key })) as ObjectAnswer
          assert.deepEqual(
            { key, reason, complete },
            { key, reason: trashDays > 0 ? 'replaced' : 'pending', complete: true },
          )
        }
      } finally {
        await volume.close()
      }
    }
  })

for (const engine of useEngines())
  test(`a slice that a live file names behind its end is not of the trash: ${engine.name}`, {
    skip: engine.skip,
  }, async () => {
    await using place = await engine.makeVolume(['--block-size', '64K', '--trash-days', '1'])
    const volume = await openVolume(place.meta, {
      noBackgroundJobs: true,
      indexDir: join(place.folder, 'index'),
    })
    try {
      const { vfs } = volume
      const source = await vfs.create(root, ROOT_INO, nameFromText('source'), 0o644, O_RDWR)
      await vfs.write(root, source.fh, 0, Buffer.alloc(2 * BLOCK, 1))
      await vfs.flush(root, source.fh)
      await vfs.write(root, source.fh, BLOCK, Buffer.alloc(BLOCK, 2))
      await vfs.flush(root, source.fh)
      const short = await vfs.create(root, ROOT_INO, nameFromText('short'), 0o644, O_RDWR)
      const from = { fh: source.fh, offset: 0 }
      await vfs.copyFileRange(root, from, { fh: short.fh, offset: CHUNK }, 100)
      await vfs.setattr(root, short.ino, { size: 10 }, short.fh)
      await vfs.release(short.fh)
      await vfs.release(source.fh)
      await vfs.unlink(root, ROOT_INO, nameFromText('source'))
      await volume.flush()
      await compareVolume(place, volume)
      const { classes } = (await runOperation(volume, 'inspectSpace', {}, {})) as SpaceView
      assert.deepEqual(
        { trash: classes.trash, shadowed: classes.shadowed },
        { trash: 2 * BLOCK, shadowed: BLOCK },
      )
      const hidden = await patient(volume, 'inspectObject', { key: 'chunks/0/0/1_1_65536' })
      assert.equal((hidden as ObjectAnswer).reason, 'shadowed')
    } finally {
      await volume.close()
    }
  })

/** A file of a slice of three blocks, and its clone: both are compacted. */
async function replaceTwice(volume: Volume): Promise<void> {
  const { vfs, meta } = volume
  const { fh, ino } = await vfs.create(root, ROOT_INO, nameFromText('file'), 0o644, O_RDWR)
  try {
    await vfs.write(root, fh, 0, Buffer.alloc(2 * BLOCK + 100, 1))
    await vfs.flush(root, fh)
    await vfs.write(root, fh, BLOCK, Buffer.alloc(100, 2))
    await vfs.flush(root, fh)
  } finally {
    await vfs.release(fh)
  }
  const name = nameFromText('clone')
  await meta.clone(root, ino, ROOT_INO, name, { preserve: false })
  await vfs.compactChunk(ino, 0)
  await vfs.compactChunk((await meta.lookup(root, ROOT_INO, name))!.ino, 0)
  await volume.state.tasks.drain()
}

/** What an answer calls incomplete is asked again: scans for questions come only so often. */
async function patient(
  volume: Volume,
  op: string,
  args: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  for (let left = 20; ; left--) {
    const answer = (await runOperation(volume, op, args, {})) as { readonly complete?: boolean }
    if (answer.complete !== false || left === 0) return answer
    await sleep(1000)
  }
}

async function compareVolume(place: TestVolume, volume: Volume) {
  return compareAll({
    ask: (op, args) => patient(volume, op, args),
    dump: await mustPomelo(['dump', place.meta]),
    listing: await listFolder(join(place.bucket, volume.setting.Name)),
    blockSize: BLOCK,
    isPlain: true,
  })
}

/** One client that does anything a person and their programs do to a few files in a few folders. */
class Storm {
  readonly #volume: Volume
  readonly #random: Random
  readonly #folders: Ino[] = [ROOT_INO]

  constructor(volume: Volume, random: Random) {
    this.#volume = volume
    this.#random = random
  }

  /** What is not there, or there already, is no failure. */
  async step(): Promise<void> {
    try {
      await this.#one(this.#below(100))
    } catch (error) {
      if (!(error instanceof FsError)) throw error
    }
  }

  async rest(): Promise<void> {
    await this.#volume.flush()
    await this.#volume.state.tasks.drain()
  }

  #below(n: number): number {
    return below(this.#random, n)
  }

  #place() {
    return {
      parent: this.#folders[this.#below(this.#folders.length)]!,
      name: nameFromText(`file ${this.#below(FILES)} é%`),
    }
  }

  /** At the start, in every second file around the border of two chunks: compactions fill what lies between. */
  #range(name: string): { at: number; size: number } {
    const base = /[13579]/.test(name) ? CHUNK - 3 * BLOCK : 0
    return {
      at: base + this.#below(5 * BLOCK),
      size: 1 + this.#below(this.#below(3) === 0 ? 3 * BLOCK : 6000),
    }
  }

  async #one(dice: number): Promise<void> {
    const { vfs, meta } = this.#volume
    const { parent, name } = this.#place()
    const to = this.#place()
    if (this.#folders.length <= FOLDERS) {
      const folder = await vfs.mknod(root, ROOT_INO, nameFromText(`folder ${this.#folders.length}`), {
        type: TYPE_DIRECTORY,
        mode: 0o755,
      })
      this.#folders.push(folder.ino)
    }
    if (dice < 40) return this.#inFile(parent, name, true, (fh) => this.#write(fh, name))
    if (dice < 52) return this.#inFile(parent, name, false, (fh, ino) => this.#change(fh, ino, name))
    if (dice < 60) return this.#copy(parent, name)
    if (dice < 68) {
      const source = await meta.lookup(root, parent, name)
      if (source !== undefined)
        await meta.clone(root, source.ino, to.parent, nameFromText(`clone ${this.#below(4)}`), {
          preserve: this.#below(2) === 0,
        })
      return
    }
    if (dice < 78) return void (await vfs.rename(root, parent, name, to.parent, to.name, 0))
    if (dice < 84) {
      const source = await meta.lookup(root, parent, name)
      if (source !== undefined) await vfs.link(root, source.ino, to.parent, to.name)
      return
    }
    if (dice < 92)
      return void (await vfs.unlink(root, parent, dice < 90 ? name : nameFromText(`clone ${this.#below(4)}`)))
    const found = await meta.lookup(root, parent, name)
    if (found !== undefined) await vfs.compactChunk(found.ino, this.#below(2))
  }

  async #inFile(
    parent: Ino,
    name: string,
    make: boolean,
    work: (fh: number, ino: Ino) => Promise<unknown>,
  ): Promise<void> {
    const { vfs, meta } = this.#volume
    const found = await meta.lookup(root, parent, name)
    if (found === undefined && !make) return
    const { fh, ino } =
      found === undefined
        ? await vfs.create(root, parent, name, 0o644, O_RDWR)
        : { fh: (await vfs.open(root, found.ino, O_RDWR)).fh, ino: found.ino }
    try {
      await work(fh, ino)
      await vfs.flush(root, fh)
    } finally {
      await vfs.release(fh)
    }
  }

  async #write(fh: number, name: string): Promise<void> {
    for (let times = 1 + this.#below(3); times > 0; times--) {
      const { at, size } = this.#range(name)
      await this.#volume.vfs.write(root, fh, at, Buffer.alloc(size, this.#below(256)))
      if (this.#below(2) === 0) await this.#volume.vfs.flush(root, fh)
    }
  }

  async #change(fh: number, ino: Ino, name: string): Promise<void> {
    const { at, size } = this.#range(name)
    if (this.#below(2) === 0)
      await this.#volume.vfs.fallocate(root, fh, [0, 1, 3, 16][this.#below(4)]!, at, size)
    else await this.#volume.vfs.setattr(root, ino, { size: this.#below(4) === 0 ? 0 : at }, fh)
  }

  async #copy(parent: Ino, name: string): Promise<void> {
    const { vfs } = this.#volume
    const other = this.#place()
    await this.#inFile(parent, name, false, (fh) =>
      this.#inFile(other.parent, other.name, true, (to) =>
        vfs.copyFileRange(
          root,
          { fh, offset: this.#range(name).at },
          { fh: to, offset: this.#range(other.name).at },
          this.#range(name).size,
        ),
      ),
    )
  }
}
