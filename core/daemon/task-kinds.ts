/** What each kind of task does, and how its end reads. */
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { z } from 'zod'
import type { Pin } from '#core/api/files.ts'
import type { Finding } from '#core/api/findings.ts'
import type { ContentProgress, DedupProgress, DuplicatesReport, SpaceView } from '#core/api/inspect.ts'
import { ApiRefusal } from '#core/api/server-errors.ts'
import type { TaskProgress, TaskResult, taskSpec } from '#core/api/tasks.ts'
import { TASK_LABELS } from '#core/api/tasks.ts'
import type { Gate } from '#core/base/gate.ts'
import { formatCount, formatSize } from '#core/base/units.ts'
import type { Daemon } from './daemon.ts'

export type Spec = z.output<typeof taskSpec>
type Of<K extends Spec['kind']> = Extract<Spec, { kind: K }>

export interface TaskRun {
  readonly daemon: Daemon
  readonly signal: AbortSignal
  /** Closed while the task is paused. */
  readonly gate: Gate
  readonly onProgress: (progress: Partial<TaskProgress>) => void
}

/** Those whose work goes item by item and is as right however long it takes. */
const PAUSABLE: readonly Spec['kind'][] = [
  'fsck',
  'gc',
  'compact',
  'warm-up',
  'drop-cache',
  'pin',
  'count-space',
  'survey',
  'find-duplicates',
  'dedup',
  'restore-trash',
  'dump',
]

export function canPause({ kind }: Spec): boolean {
  return PAUSABLE.includes(kind)
}

/** Errors are those of the work. */
export function runTask(spec: Spec, run: TaskRun): Promise<TaskResult> {
  switch (spec.kind) {
    case 'fsck':
      return fsck(spec, run)
    case 'gc':
      return gc(spec, run)
    case 'compact':
      return compact(spec, run)
    case 'warm-up':
    case 'drop-cache':
      return warm(spec, run)
    case 'pin':
      return pin(spec, run)
    case 'count-space':
      return countSpace(spec, run)
    case 'survey':
      return survey(spec, run)
    case 'find-duplicates':
      return findDuplicates(spec, run)
    case 'dedup':
      return dedup(spec, run)
    case 'remove-tree':
      return removeTree(spec, run)
    case 'restore-trash':
      return restoreTrash(spec, run)
    case 'empty-trash':
      return emptyTrash(spec, run)
    case 'clone':
      return clone(spec, run)
    case 'dump':
      return dump(spec, run)
    case 'destroy':
      return destroy(spec, run)
    case 'create':
      return create(spec, run)
    default:
      return spec satisfies never
  }
}

/** "Warm up cache: /photos". */
export function titleOf(spec: Spec): string {
  const label = TASK_LABELS[spec.kind]
  if ('paths' in spec) {
    const more = spec.paths.length > 1 ? ` and ${spec.paths.length - 1} more` : ''
    return `${label}: ${spec.paths[0]}${more}`
  }
  if (spec.kind === 'create') return `${label} ${spec.create.format.volumeName}`
  if ('path' in spec && spec.path !== undefined) return `${label}: ${spec.path}`
  return spec.kind === 'clone' ? `${label}: ${spec.from}` : label
}

function ask<T>(
  { daemon, signal, gate, onProgress }: TaskRun,
  id: string,
  op: string,
  args: Readonly<Record<string, unknown>>,
  read: (progress: Record<string, unknown>) => Partial<TaskProgress> = plain,
): Promise<T> {
  return daemon.operators.of(id).call(op, args, {
    signal,
    gate,
    onProgress: (value) => onProgress(read(value as Record<string, unknown>)),
  }) as Promise<T>
}

function plain({ step, done, total }: Record<string, unknown>): Partial<TaskProgress> {
  return {
    ...(typeof step === 'string' && { step }),
    ...(typeof done === 'number' && { done }),
    ...(typeof total === 'number' && { total }),
  }
}

function result(
  sentence: string,
  facts: TaskResult['facts'] = [],
  more: Partial<TaskResult> = {},
): TaskResult {
  return { sentence, facts, findings: [], items: [], ...more }
}

async function fsck(spec: Of<'fsck'>, run: TaskRun): Promise<TaskResult> {
  run.onProgress({ unit: 'objects' })
  const report = await ask<Record<string, number> & { broken: TaskResult['items'] }>(run, spec.id, 'fsck', {
    path: spec.path,
    repair: spec.repair,
  })
  const {
    lostBlocks = 0,
    lostBytes = 0,
    problems = 0,
    repaired = 0,
    unknownBlocks = 0,
    brokenFiles = 0,
  } = report
  const findings: Finding[] = []
  if (lostBlocks > 0)
    findings.push({
      level: 'problem',
      code: 'lost-blocks',
      sentence: `${formatCount(lostBlocks)} blocks (${formatSize(lostBytes)}) of ${formatCount(brokenFiles)} files are missing in the bucket.`,
      next: 'restore these objects from a version or copy of the bucket, or the files from a backup',
    })
  if (unknownBlocks > 0)
    findings.push({
      level: 'warning',
      code: 'unknown-blocks',
      sentence: `The bucket gave no clear answer about ${formatCount(unknownBlocks)} blocks.`,
      next: 'check again when the bucket answers reliably',
    })
  if (problems > repaired)
    findings.push({
      level: 'warning',
      code: 'metadata-problems',
      sentence: `${formatCount(problems - repaired)} inconsistencies in the metadata were found and not repaired.`,
      next: spec.repair ? 'run `pomelo fsck` to see each of them' : 'check again with repair',
    })
  const sentence =
    findings.length === 0
      ? 'Everything is there.'
      : `${findings.length === 1 ? 'One finding' : `${findings.length} findings`}.`
  return result(
    sentence,
    [
      { label: 'Slices', value: report.slices ?? 0, unit: 'count' },
      { label: 'Blocks', value: report.blocks ?? 0, unit: 'count' },
      { label: 'Repaired', value: repaired, unit: 'count' },
    ],
    { findings, items: report.broken },
  )
}

interface Amount {
  readonly count: number
  readonly bytes: number
}

async function gc(spec: Of<'gc'>, run: TaskRun): Promise<TaskResult> {
  run.onProgress({ unit: 'objects' })
  const report = await ask<Record<string, Amount>>(run, spec.id, 'gc', {
    delete: spec.delete,
    compact: spec.compact,
  })
  const { leaked, removed, pending, compacted, scanned } = report
  const notes = run.daemon.notes
  const space = notes.get<object>(spec.id, 'space')
  if (space !== undefined)
    notes.set(spec.id, 'space', { ...space, leakedBytes: spec.delete ? 0 : leaked!.bytes })
  const sentence = spec.delete
    ? `${formatSize(removed!.bytes)} in ${formatCount(removed!.count)} leaked objects were removed.`
    : leaked!.count === 0
      ? 'Nothing has leaked.'
      : `${formatSize(leaked!.bytes)} in ${formatCount(leaked!.count)} objects belong to nothing.`
  return result(sentence, [
    { label: 'Objects', value: scanned!.count, unit: 'count' },
    { label: 'Leaked', value: leaked!.bytes, unit: 'bytes' },
    { label: 'Removal under way', value: pending!.bytes, unit: 'bytes' },
    { label: 'Replaced by compactions', value: compacted!.bytes, unit: 'bytes' },
  ])
}

async function compact(spec: Of<'compact'>, run: TaskRun): Promise<TaskResult> {
  run.onProgress({ unit: 'objects', step: 'compacting' })
  const read = ({ chunks }: Record<string, unknown>) => ({ done: Number(chunks ?? 0) })
  const { compacted = 0 } = await ask<{ compacted?: number }>(
    run,
    spec.id,
    'compact',
    { paths: spec.paths },
    read,
  )
  return result(`${formatCount(compacted)} chunks were rewritten.`)
}

async function warm(spec: Of<'warm-up'> | Of<'drop-cache'>, run: TaskRun): Promise<TaskResult> {
  const fills = spec.kind === 'warm-up'
  run.onProgress({ unit: 'files', step: fills ? 'fetching' : 'dropping' })
  const read = ({ files }: Record<string, unknown>) => ({ done: Number(files ?? 0) })
  const args = { paths: spec.paths, action: fills ? 'warmup' : 'evict', threads: fills ? 20 : 50 }
  const sum = await ask<{ files: number; bytes: number; fetched: number; failures: string[] }>(
    run,
    spec.id,
    'warmup',
    args,
    read,
  )
  const sentence = fills
    ? `${formatSize(sum.bytes)} of ${formatCount(sum.files)} files are in the cache; ${formatSize(sum.fetched)} were fetched.`
    : `${formatCount(sum.files)} files were dropped from the cache.`
  return result(sentence, [], {
    items: sum.failures.map((text) => ({ path: text.split(': ')[0]!, note: text })),
  })
}

async function pin(spec: Of<'pin'>, run: TaskRun): Promise<TaskResult> {
  run.onProgress({ unit: 'files', step: 'fetching' })
  const read = ({ files }: Record<string, unknown>) => ({ done: Number(files ?? 0) })
  const pins = await ask<Pin[]>(run, spec.id, 'pin', { paths: spec.paths }, read)
  const total = (of: 'files' | 'bytes' | 'cachedBytes') =>
    pins.reduce((sum, each) => sum + (each[of] ?? 0), 0)
  const [bytes, cached] = [total('bytes'), total('cachedBytes')]
  const incomplete = pins.filter(({ note }) => note !== undefined)
  const sentence =
    incomplete.length === 0
      ? `${formatSize(bytes)} of ${formatCount(total('files'))} files are kept on this computer.`
      : `${formatSize(cached)} of ${formatSize(bytes)} are kept on this computer; the rest is tried again by itself.`
  return result(sentence, [], {
    items: incomplete.map(({ path, note }) => ({ path: path ?? '', note: note! })),
  })
}

async function countSpace(spec: Of<'count-space'>, run: TaskRun): Promise<TaskResult> {
  const found = await ask<Record<string, number>>(run, spec.id, 'space', {})
  const before = run.daemon.notes.get<{ leakedBytes: number | null }>(spec.id, 'space')
  run.daemon.notes.set(spec.id, 'space', {
    ...found,
    leakedBytes: before?.leakedBytes ?? null,
    asOfMs: Date.now(),
  })
  return result(
    `${formatSize(found.liveBytes!)} are in use, ${formatSize(found.trashBytes!)} lie in the trash.`,
  )
}

async function survey({ id }: Of<'survey'>, run: TaskRun): Promise<TaskResult> {
  run.onProgress({ unit: 'objects' })
  const { objects, bytes, classes } = await ask<SpaceView>(run, id, 'inspectSpace', {})
  return result(
    `${formatCount(objects)} objects hold ${formatSize(bytes)}, ${formatSize(classes.live)} of it live.`,
    [
      { label: 'Leaked', value: classes.leaked, unit: 'bytes' },
      { label: 'Hidden by newer writes', value: classes.shadowed, unit: 'bytes' },
    ],
  )
}

async function findDuplicates(
  { id, cachedOnly, limitMbps }: Of<'find-duplicates'>,
  run: TaskRun,
): Promise<TaskResult> {
  run.onProgress({ unit: 'objects' })
  const args = { cachedOnly, downloadLimit: limitMbps }
  const { scanned, report } = await ask<{ scanned: ContentProgress; report: DuplicatesReport }>(
    run,
    id,
    'duplicates',
    args,
  )
  const unknown = report.slices - report.knownSlices
  const rest = unknown > 0 ? `; ${formatCount(unknown)} slices are not known yet` : ''
  return result(`${formatSize(report.sharableBytes)} are stored more than once${rest}.`, [
    { label: 'Read from the bucket', value: scanned.fetched, unit: 'bytes' },
    { label: 'Could not be read', value: scanned.failed, unit: 'count' },
  ])
}

async function dedup({ id }: Of<'dedup'>, run: TaskRun): Promise<TaskResult> {
  run.onProgress({ unit: 'objects' })
  const { slices, storedBytes, left } = await ask<DedupProgress>(run, id, 'dedup', { apply: true })
  const rest = left > 0 ? `; ${formatCount(left)} were left, as they had changed` : ''
  return result(
    `${formatCount(slices)} slices, ${formatSize(storedBytes)} in the bucket, have no users any more${rest}. The next clean-up removes them.`,
  )
}

async function removeTree(spec: Of<'remove-tree'>, run: TaskRun): Promise<TaskResult> {
  run.onProgress({ unit: 'files', step: 'removing' })
  const { removed } = await ask<{ removed: number }>(run, spec.id, 'rmr', {
    path: spec.path,
    skipTrash: spec.skipTrash,
  })
  return result(`${formatCount(removed)} entries were removed.`)
}

async function restoreTrash(spec: Of<'restore-trash'>, run: TaskRun): Promise<TaskResult> {
  run.onProgress({ unit: 'files', step: 'restoring' })
  const { restored, conflicts, failures } = await ask<{
    restored: number
    conflicts: number
    failures: string[]
  }>(run, spec.id, 'restoreHours', { hours: spec.hours })
  const left = conflicts > 0 ? `; ${formatCount(conflicts)} stayed, as something has their name now` : ''
  return result(`${formatCount(restored)} things were put back${left}.`, [], {
    items: failures.map((note) => ({ path: '', note })),
  })
}

async function emptyTrash({ id, confirm }: Of<'empty-trash'>, run: TaskRun): Promise<TaskResult> {
  requireName(run, id, confirm)
  run.onProgress({ unit: 'files' })
  const { removed } = await ask<{ removed: number }>(run, id, 'emptyTrash', {})
  return result(`${formatCount(removed)} entries were removed for good. Their data go in the background.`)
}

/** What cannot be taken back asks for the volume's name. */
function requireName({ daemon }: TaskRun, id: string, typed: string): void {
  const name = daemon.supervisor.get(id).host.name()
  if (typed !== name)
    throw new ApiRefusal('refused', `“${typed}” is not the name of this volume`, `type ${name}`)
}

async function clone(spec: Of<'clone'>, run: TaskRun): Promise<TaskResult> {
  run.onProgress({ unit: 'files', step: 'cloning' })
  const { path } = await ask<{ path: string }>(run, spec.id, 'clone', { path: spec.from, to: spec.to })
  return result(`${spec.from} was cloned to ${path}.`)
}

async function dump(spec: Of<'dump'>, run: TaskRun): Promise<TaskResult> {
  run.onProgress({ unit: 'objects' })
  await statfs(dirname(spec.file))
  const { entries } = await ask<{ entries: number }>(run, spec.id, 'dump', { file: spec.file })
  run.daemon.notes.set(spec.id, 'backup', { atMs: Date.now(), file: spec.file })
  return result(`The metadata of ${formatCount(entries)} entries are in ${spec.file}.`)
}

async function destroy(spec: Of<'destroy'>, run: TaskRun): Promise<TaskResult> {
  const { profiles, supervisor, services, operators } = run.daemon
  const profile = profiles.get(spec.id)
  requireName(run, spec.id, spec.confirm)
  if (supervisor.get(spec.id).link !== undefined)
    throw new ApiRefusal('conflict', `“${profile.name}” is mounted`, 'unmount it first')
  run.onProgress({ unit: 'objects', step: 'opening the volume' })
  const { uuid } = await ask<{ uuid: string }>(run, spec.id, 'format', {})
  const { removed, failed } = await ask<{ removed: number; failed: number }>(run, spec.id, 'destroy', {
    uuid,
  })
  await operators.release(spec.id).catch(() => {})
  await services.volumes.remove({ id: spec.id, confirm: spec.confirm, data: false })
  const left = failed > 0 ? `; ${formatCount(failed)} objects could not be removed` : ''
  return result(`The volume and ${formatCount(removed)} objects are gone${left}.`)
}

async function create({ create: input }: Of<'create'>, run: TaskRun): Promise<TaskResult> {
  const { format, secrets, name, mountNow, ...profile } = input
  run.onProgress({ unit: 'steps', total: 4, step: 'opening the metadata server' })
  let done = 0
  await run.daemon.operators.probes().call(
    'create',
    { format, secrets },
    {
      signal: run.signal,
      onProgress: (value) => run.onProgress({ ...plain(value as Record<string, unknown>), done: done++ }),
    },
  )
  // The keys are in the volume's own setting now; what is of this computer stays here.
  const { metaPassword, passphrase } = secrets
  const volume = run.daemon.services.volumes.addProfile(
    {
      ...profile,
      name: name ?? format.volumeName,
      metaUrl: format.metaUrl,
      bucket: undefined,
      secrets: { metaPassword, passphrase },
    },
    mountNow,
  )
  run.onProgress({ step: 'mounting', done: 3 })
  if (mountNow) await run.daemon.supervisor.get(volume.id).settled(run.signal)
  const now = run.daemon.services.volumes.get(volume.id)
  return result(mountNow ? `${now.name}: ${now.status.line}` : `Volume ${now.name} is ready.`, [], {
    volumeId: volume.id,
  })
}
