/**
 * Bring the whole index in line with the metadata: stream all chunks, nodes and names once, and drop what was not seen.
 * The first scan builds the index, later ones find what nobody told of. Memory: a page. It can be stopped between pages,
 * and goes on where it was.
 */
import type { ListTypes, MetaEngine, RecordRange } from '#core/meta/engine.ts'
import type { InspectProgress } from './answers.ts'
import type { IndexFile } from './index-file.ts'

const PAGE = 1024
/** Waits between two pages, so that other work has its share. */
type Pace = () => Promise<void>

export interface ScanOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: InspectProgress) => void
  readonly pace?: Pace
}

const PHASES = ['chunks', 'inodes', 'names'] as const
type Phase = (typeof PHASES)[number]
const RANGES = { chunks: 'allChunks', inodes: 'allNodes', names: 'allEdges' } as const
const TABLES = { chunks: 'chunk', inodes: 'node', names: 'edge' } as const

/** Where a scan stands, as kept in the file between pages. */
interface Position {
  readonly gen: number
  readonly phase: Phase
  readonly after?: string
  readonly done: number
}

/** True when the file has a scan that was begun and not finished. */
export function isScanning(file: IndexFile): boolean {
  return file.get('scan') !== undefined
}

/** What is put now counts as seen by this scan: the one under way, else the last. */
export function generationOf(file: IndexFile): number {
  const stored = file.get('scan')
  return stored === undefined ? Number(file.get('gen') ?? 0) : (JSON.parse(stored) as Position).gen
}

/** Errors: BackendError; the signal's reason, after which another call goes on. */
export async function scanAll(
  file: IndexFile,
  engine: MetaEngine,
  { signal, onProgress, pace }: ScanOptions,
): Promise<void> {
  let at = resume(file, engine)
  file.set('scan', JSON.stringify(at))
  for (;;) {
    signal?.throwIfAborted()
    const page = await engine.list({ kind: RANGES[at.phase] }, { after: at.after, limit: PAGE })
    file.atomically(() => {
      for (const item of page.items) put(file, at.phase, at.gen, item)
      at = { ...at, after: page.next, done: at.done + page.items.length }
      if (page.next === undefined) file.dropUnseen(TABLES[at.phase], at.gen)
      const next = page.next === undefined ? PHASES[PHASES.indexOf(at.phase) + 1] : at.phase
      if (next !== undefined && next !== at.phase) at = { gen: at.gen, phase: next, done: 0 }
      file.set('scan', next === undefined ? undefined : JSON.stringify(at))
      if (next === undefined) file.set('gen', String(at.gen))
    })
    onProgress?.({ step: at.phase, done: at.done })
    if (!isScanning(file)) return
    await pace?.()
  }
}

function resume(file: IndexFile, engine: MetaEngine): Position {
  const stored = file.get('scan')
  if (stored === undefined) return { gen: Number(file.get('gen') ?? 0) + 1, phase: 'chunks', done: 0 }
  const at = JSON.parse(stored) as Position
  // Marks of a SCAN name what this process may have forgotten: the phase begins anew, over rows that are there.
  return engine.scheme === 'redis' ? { gen: at.gen, phase: at.phase, done: 0 } : at
}

function put(file: IndexFile, phase: Phase, gen: number, item: ListTypes[RecordRange['kind']]): void {
  switch (phase) {
    case 'chunks': {
      const { ino, index, slices } = item as ListTypes['allChunks']
      file.putChunk(ino, index, slices, gen)
      return
    }
    case 'inodes': {
      const { ino, node } = item as ListTypes['allNodes']
      file.putNode(ino, node, gen)
      return
    }
    case 'names': {
      const { parent, name, ino } = item as ListTypes['allEdges']
      file.putEdge(parent, name, ino, gen)
      return
    }
    default:
      phase satisfies never
  }
}
