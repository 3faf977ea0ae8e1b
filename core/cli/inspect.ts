/** `inspect object|file`: from objects of the bucket to files, and back. */

import { formatCount, formatSize } from '#core/base/units.ts'
import type {
  BlockView,
  ChunkMap,
  FileMap,
  FileView,
  InspectProgress,
  ObjectAnswer,
} from '#core/inspect/answers.ts'
import { type Call, defineCommand } from './command.ts'
import type { Output } from './output.ts'
import { type OperationPlace, withPlaces } from './places.ts'
import { keepMemorySteady } from './steady-memory.ts'
import { TOOL_OPTIONS } from './volumes.ts'

/** Ask one question about the volume that the first operand names, with progress. */
export async function askInspector<T>(
  call: Call<typeof TOOL_OPTIONS>,
  op: string,
  args: Readonly<Record<string, unknown>> | ((place: OperationPlace) => Readonly<Record<string, unknown>>),
): Promise<T> {
  keepMemorySteady()
  return withPlaces(call, call.operands.slice(0, 1), { readOnly: true }, async ([place]) => {
    const progress = call.out.progress('Inspecting')
    const answer = await place!.run(op, typeof args === 'function' ? args(place!) : args, (value) => {
      const { step, done } = value as InspectProgress
      progress.update(`${step}, ${formatCount(done)}`)
    })
    call.out.endProgress()
    return answer as T
  })
}

const REASONS: Readonly<Record<ObjectAnswer['reason'], string>> = {
  live: 'part of a file',
  trash: 'part of a removed file that the trash keeps',
  sustained: 'part of a file that was removed and is still open somewhere',
  deleted: 'part of a deleted file; its removal is due',
  detached: 'part of a clone that is under way or was given up',
  unnamed: 'part of a file that no directory names',
  shadowed: 'newer writes hide all of it; `pomelo compact` frees it',
  replaced: 'a compaction has replaced it; it is kept as long as the trash',
  pending: 'nothing uses it any more; its removal is due',
  writing: 'this client is writing it',
  young: 'nothing knows it, and it is too new to be judged: a write may be under way',
  leaked: 'nothing knows it; `pomelo gc --delete` removes it',
  unallotted: 'of a number that was never given out, as after the metadata were restored: keep it',
  wrongSize: 'its slice is in use, but no block of that slice has this size',
  unclear: 'nothing that can be read knows it, but some records are damaged: keep it',
  gone: 'neither in the bucket nor known',
  backup: 'a backup of the metadata',
  marker: 'marks the bucket as the volume’s',
  probe: 'left by a test of the bucket',
  foreign: 'no key of this volume',
}

export const inspectObject = defineCommand({
  name: 'inspect object',
  operands: 'META-URL|MOUNT-POINT KEY',
  arity: [2, 2],
  summary: 'Say which files an object of the bucket belongs to, or why it is there.',
  options: TOOL_OPTIONS,
  examples: [
    'pomelo inspect object ~/team chunks/0/12/12345_3_4194304',
    'pomelo inspect object --json redis://host/1 team/chunks/0/12/12345_3_4194304',
  ],
  run: async (call) => {
    const answer = await askInspector<ObjectAnswer>(call, 'inspectObject', { key: call.operands[1] })
    call.out.data(answer, () => showObject(call.out, answer))
    return answer.place === 'missing' ? 1 : 0
  },
})

function showObject(out: Output, answer: ObjectAnswer): void {
  const { key, block, stored, ratio, reason, untilMs, place, uses, moreUses, complete } = answer
  out.print(key)
  if (block !== undefined)
    out.print(`  block ${block.index} of slice ${block.slice}, ${formatSize(block.size)}`)
  out.print(
    stored === null
      ? '  not in the bucket'
      : `  ${formatSize(stored.bytes)} in the bucket${ratio === null ? '' : ` (${Math.round(ratio * 100)} %)`}, since ${timeText(stored.mtimeMs)}`,
  )
  out.print(`  ${REASONS[reason]}${untilMs === undefined ? '' : `, until ${timeText(untilMs)}`}`)
  if (place !== 'store') out.print(`  place: ${place}`)
  if (uses.length > 0) {
    out.print('')
    out.table(
      ['file', 'state', 'chunk', 'shown', 'hidden'],
      uses.map(({ file, chunk, ranges, shadowedBytes }) => [
        nameOf(file),
        file.state,
        String(chunk),
        ranges.map(({ start, end }) => `${start}-${end - 1}`).join(' ') || '-',
        formatSize(shadowedBytes),
      ]),
      [2, 4],
    )
  }
  if (moreUses > 0) out.print(`… and ${formatCount(moreUses)} more uses`)
  if (!complete)
    out.warn(
      'the metadata count other uses than were found: they are changing, or `pomelo fsck` has something to say',
    )
}

export const inspectFile = defineCommand({
  name: 'inspect file',
  operands: 'META-URL:/PATH|PATH',
  arity: [1, 1],
  summary: 'Show where the bytes of a file are: chunks, slices in write order, blocks and their places.',
  options: {
    chunk: { kind: 'number', min: 0, max: 2 ** 31, default: '0', help: 'the first chunk shown' },
    chunks: { kind: 'number', min: 1, max: 10_000, default: '16', help: 'chunks shown' },
    probe: { kind: 'flag', help: 'ask the bucket for each block that is in no cache' },
    ...TOOL_OPTIONS,
  },
  examples: [
    'pomelo inspect file ~/team/report.pdf',
    'pomelo inspect file --probe sqlite3:///team.db:/report.pdf',
  ],
  run: async (call) => {
    const { chunk, chunks, probe } = call.options
    const map = await askInspector<FileMap>(call, 'inspectFile', ({ path }) => ({
      path,
      from: chunk,
      limit: chunks,
      probe,
    }))
    call.out.data(map, () => showFile(call.out, map))
    return map.places.missing.count > 0 ? 1 : 0
  },
})

function showFile(out: Output, { file, chunks, nextChunk, places, cold, now }: FileMap): void {
  out.print(
    `${nameOf(file)}: ${file.state}${file.untilMs === undefined ? '' : ` until ${timeText(file.untilMs)}`}`,
  )
  for (const path of file.paths.slice(1)) out.print(`  also ${path}`)
  if (file.length !== null) out.print(`  ${formatSize(file.length)} (${file.length} bytes)`)
  for (const chunk of chunks) showChunk(out, chunk)
  if (nextChunk !== null) out.print(`… and more from chunk ${nextChunk}: add --chunk ${nextChunk}`)
  out.print('')
  for (const [place, { count, bytes }] of Object.entries(places))
    if (count > 0) out.print(`  ${place}: ${formatCount(count)} blocks, ${formatSize(bytes)}`)
  out.print(`  to read it: ${cost(now)} now, ${cost(cold)} cold`)
}

function cost({ requests, bytes }: FileMap['cold']): string {
  return `${formatCount(requests)} requests for ${formatSize(bytes)}`
}

function showChunk(out: Output, { index, records, view, blocks }: ChunkMap): void {
  const text = (values: readonly (string | number)[]) => values.map(String)
  out.print(`\nchunk ${index}`)
  out.table(
    ['written', 'slice', 'position', 'length', 'offset', 'shown'],
    records.map(({ slice, off, len, position, shownBytes }, k) =>
      text([k + 1, slice || 'zeros', position, len, off, slice === 0 ? '-' : shownBytes]),
    ),
    [0, 1, 2, 3, 4, 5],
  )
  out.print('')
  out.table(
    ['read from', 'to', 'slice', 'offset'],
    view.map(({ start, end, slice, off }) => text([start, end, slice || 'zeros', off])),
    [0, 1, 2, 3],
  )
  if (blocks.length === 0) return
  out.print('')
  out.table(
    ['object', 'size', 'place', 'shown'],
    blocks.map((block) => [block.key, String(block.size), block.place, shownText(block)]),
    [1],
  )
}

function shownText({ shown, size }: BlockView): string {
  const [first] = shown
  if (first === undefined) return 'hidden'
  if (first.start === 0 && first.end === size) return 'all'
  return shown.map(({ start, end }) => `${start}-${end - 1}`).join(' ')
}

export function nameOf({ paths, inode }: FileView): string {
  return paths[0] ?? `inode ${inode}`
}

function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}
