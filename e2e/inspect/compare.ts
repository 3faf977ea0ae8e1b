/** The inspector's answers about a whole volume beside the brute force's. The volume must be at rest. */
import assert from 'node:assert/strict'
import { readdir, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { FileMap, ObjectAnswer, SpaceView } from '#core/inspect/answers.ts'
import { BruteForce, type BruteUse, blockOfKey, parseDump, viewOf } from './brute-force.ts'

const CHUNK = 64 * 2 ** 20

/** Ask the inspector; the same questions whoever answers. */
export type Ask = (op: string, args: Readonly<Record<string, unknown>>) => Promise<unknown>

/** Every file under a `file` bucket's folder of the volume, by key. */
export async function listFolder(folder: string): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>()
  for (const item of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!item.isFile()) continue
    const path = join(item.parentPath, item.name)
    sizes.set(relative(folder, path), (await stat(path)).size)
  }
  return sizes
}

export interface Subject {
  readonly ask: Ask
  /** JSON dump, taken now. */
  readonly dump: string
  /** The volume's part of the bucket. */
  readonly listing: ReadonlyMap<string, number>
  readonly blockSize: number
  /** Stored bytes are the blocks' bytes. */
  readonly isPlain: boolean
}

/** Returns how much was compared. */
export async function compareAll(
  subject: Subject,
): Promise<{ objects: number; files: number; bytes: number }> {
  const brute = new BruteForce(parseDump(subject.dump), subject.blockSize)
  const beyond = await compareObjects(subject, brute)
  let bytes = 0
  for (const file of brute.files.values()) {
    await compareFile(subject, file)
    bytes += file.length
  }
  await compareSpace(subject, brute, beyond)
  return { objects: subject.listing.size, files: brute.files.size, bytes }
}

/**
 * A dump leaves out chunks that begin behind the end of their file, whose records keep objects all the same: those uses
 * are checked for showing nothing. Returns the slices that files name there, and whether one of these is live: a slice
 * keeps all of its objects, also those that the records leave out.
 */
async function compareObjects(
  { ask, listing }: Subject,
  brute: BruteForce,
): Promise<ReadonlyMap<number, boolean>> {
  const beyond = new Map<number, boolean>()
  const stored = new Map(
    [...listing].map(([key, size]) => [key.slice(key.lastIndexOf('/') + 1), { key, size }]),
  )
  const reasons: { key: string; slice: number; uses: readonly BruteUse[]; reason: string }[] = []
  for (const name of brute.named()) assert.ok(stored.has(name), `${name} is named and not in the bucket`)
  for (const { key, size } of stored.values()) {
    const block = blockOfKey(key)
    const answer = (await ask('inspectObject', { key })) as ObjectAnswer
    assert.equal(answer.stored?.bytes, size, key)
    if (block === undefined) {
      assert.equal(answer.block, undefined, key)
      assert.equal(answer.reason, key === 'juicefs_uuid' ? 'marker' : 'backup', key)
      continue
    }
    const expected = brute.uses(block)
    const got = answer.uses.map(({ file, chunk, ranges, shadowedBytes }) => ({
      inode: file.inode,
      chunk,
      ranges: ranges.flatMap(({ start, end }) => [start, end]),
      shadowed: shadowedBytes,
    }))
    const isBeyond = ({ inode, chunk }: { readonly inode: string; readonly chunk: number }) =>
      chunk * CHUNK >= (brute.files.get(inode)?.length ?? Number.POSITIVE_INFINITY)
    for (const use of got.filter(isBeyond)) {
      assert.deepEqual(use.ranges, [], `${key}: nothing behind the end is shown`)
      const isLive = brute.files.get(use.inode)!.live.length > 0
      beyond.set(block.slice, isLive || beyond.get(block.slice) === true)
    }
    // Deleted files and unlinked open ones are in no dump.
    const dumped = got.filter((use) => brute.files.has(use.inode) && !isBeyond(use))
    assert.deepEqual(sorted(dumped), sorted(expected), `${key}: ${JSON.stringify(answer)}`)
    assert.equal(answer.complete, true, `${key}: ${JSON.stringify(answer)}`)
    for (const { file } of answer.uses) {
      const known = brute.files.get(file.inode)
      if (known === undefined) continue
      assert.deepEqual([...file.paths].sort(), [...known.live, ...known.trash].sort(), key)
      assert.equal(file.state, known.live.length > 0 ? 'live' : 'trash', key)
      assert.equal(file.length, known.length, key)
    }
    if (got.every((use) => brute.files.has(use.inode)))
      reasons.push({ key, slice: block.slice, uses: expected, reason: answer.reason })
  }
  for (const { key, slice, uses, reason } of reasons) {
    const isNamed = brute.stateOf(slice) !== undefined || beyond.has(slice)
    if (isNamed) assert.equal(reason, reasonOf(uses, brute, slice, beyond.get(slice) === true), key)
  }
  return beyond
}

/** `beyondLive`: a live file names the slice where no dump tells. */
function reasonOf(uses: readonly BruteUse[], brute: BruteForce, slice: number, beyondLive: boolean): string {
  const shown = uses.filter(({ ranges }) => ranges.length > 0)
  if (shown.some(({ inode }) => brute.files.get(inode)!.live.length > 0)) return 'live'
  if (shown.length > 0) return 'trash'
  return beyondLive || brute.stateOf(slice) === 'live' ? 'shadowed' : 'trash'
}

function sorted<T extends { readonly inode: string; readonly chunk: number }>(uses: readonly T[]): T[] {
  return [...uses].sort((a, b) => Number(a.inode) - Number(b.inode) || a.chunk - b.chunk)
}

async function compareFile(
  { ask }: Subject,
  file: ReturnType<BruteForce['files']['get']> & object,
): Promise<void> {
  const pieces: [number, number, number, number][] = []
  let at = 0
  const hole = (to: number) => {
    if (to > at) pieces.push([at, to, 0, 0])
    at = Math.max(at, to)
  }
  for (let from: number | null = 0; from !== null; ) {
    const map = (await ask('inspectFile', { inode: file.inode, from, limit: 2, probe: true })) as FileMap
    assert.equal(map.file.length, file.length)
    for (const { view, blocks, records } of map.chunks) {
      for (const { start, end, slice, off } of view) {
        hole(start)
        if (end > start) pieces.push([start, end, slice, off])
        at = Math.max(at, end)
      }
      for (const { key, place } of blocks) assert.notEqual(place, 'missing', key)
      const shown = records.reduce((sum, { shownBytes }) => sum + shownBytes, 0)
      const seen = view.reduce((sum, { slice, start, end }) => sum + (slice === 0 ? 0 : end - start), 0)
      assert.equal(shown, seen, `inode ${file.inode}: what records show is what is seen`)
    }
    from = map.nextChunk
  }
  hole(file.length)
  assert.deepEqual(
    joined(pieces),
    viewOf(file),
    `inode ${file.inode} (${[...file.live, ...file.trash].join()})`,
  )
}

function joined(pieces: readonly (readonly [number, number, number, number])[]) {
  const out: [number, number, number, number][] = []
  for (const [start, end, slice, off] of pieces) {
    const last = out.at(-1)
    const goesOn =
      last?.[1] === start && last[2] === slice && (slice === 0 || last[3] + start - last[0] === off)
    if (goesOn && last !== undefined) last[1] = end
    else out.push([start, end, slice, off])
  }
  return out
}

async function compareSpace(
  { ask, listing, isPlain }: Subject,
  brute: BruteForce,
  beyond: ReadonlyMap<number, boolean>,
): Promise<void> {
  const space = (await ask('inspectSpace', {})) as SpaceView
  const bytes = [...listing.values()].reduce((sum, size) => sum + size, 0)
  assert.equal(space.bytes, bytes, 'bytes listed')
  assert.equal(space.objects, listing.size, 'objects listed')
  assert.equal(
    Object.values(space.classes).reduce((sum, size) => sum + size, 0),
    bytes,
    `the classes add up: ${JSON.stringify(space.classes)}`,
  )
  assert.deepEqual(space.missing, { count: 0, bytes: 0 })
  if (!isPlain) return
  const sums = { live: 0, trash: 0, shadowed: 0 }
  for (const key of listing.keys()) {
    const block = blockOfKey(key)
    const classes = block && brute.classes(block, beyond.get(block.slice))
    if (classes === undefined) continue
    sums.live += classes.live
    sums.trash += classes.trash
    sums.shadowed += classes.shadowed
  }
  const { live, trash, shadowed } = space.classes
  assert.deepEqual({ live, trash, shadowed }, sums)
}
