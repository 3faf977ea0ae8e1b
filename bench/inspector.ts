/**
 * What the inspector costs foreground reads: `npm run bench -- --inspect`. One mount, and another client, so that the
 * inspector may not believe its own ears; reads that the kernel does not answer from its pages, with the inspector's
 * thread ended, following, building its index, surveying for health, and reading everything for duplicates. States change
 * places from round to round; what counts is the median of the rounds' ratios to the state without an inspector.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ControlClient, findProcess } from '#core/volume/control-client.ts'
import type { EngineServer } from '../e2e/harness/engines.ts'
import { mustPomelo, placeForVolume, type TestVolume } from '../e2e/harness/volume.ts'
import { root } from '../scripts/runtime.mjs'
import type { Storage } from './storage.ts'

const STATES = ['off', 'following', 'building', 'surveying', 'deduplicating'] as const
type State = (typeof STATES)[number]
const ROWS = ['random 4 KiB', 'sequential 128 KiB', 'sequential 1 MiB'] as const
type Row = (typeof ROWS)[number]

/** What reads.py says of one row, µs for each read. */
interface Times {
  readonly mean: number
  readonly p99: number
}
type Round = Readonly<Record<State, Readonly<Record<Row, Times>>>>

export interface InspectorCost {
  readonly row: Row
  readonly state: State
  /** Medians of the rounds. */
  readonly meanUs: number
  readonly p99Us: number
  /** Of the mean time to that without an inspector, the median of all rounds. */
  readonly ratio: number
}

const FILES = 10_000
const SETTLE_MS = 300
/** Each row so often in a state. */
const TIMES = 3

export async function inspectorCosts(
  server: EngineServer,
  storage: Storage,
  rounds: number,
): Promise<readonly InspectorCost[]> {
  const volume = await placeForVolume(server.newMeta)
  const other = await volume.another('-2')
  try {
    const format = await storage.format(volume.folder)
    await mustPomelo(['format', ...format, '--trash-days', '0', volume.meta, 'pomelo'], { env: storage.env })
    await volume.mount()
    const reader = await Reader.start(volume)
    await other.mount()
    try {
      const client = (await findProcess(volume.mountPoint))!
      const found: Round[] = []
      // The first round is for the compilers.
      for (let round = 0; round <= rounds; round++) {
        const states = STATES.map((_, k) => STATES[(k + round) % STATES.length]!)
        const measured = {} as Record<State, Record<Row, Times>>
        for (const state of states)
          measured[state] = await inState(client, volume, state, () => readAll(reader))
        if (round > 0) found.push(measured)
      }
      return costsOf(found)
    } finally {
      reader.end()
    }
  } finally {
    await other.remove()
    await volume.remove()
  }
}

async function readAll(reader: Reader): Promise<Record<Row, Times>> {
  const times = {} as Record<Row, Times>
  for (const row of ROWS) {
    const all: Times[] = []
    for (let k = 0; k < TIMES; k++) all.push(await reader.read(row))
    times[row] = { mean: median(all.map(({ mean }) => mean)), p99: median(all.map(({ p99 }) => p99)) }
  }
  return times
}

/** Run `work` while the inspector does what `state` says, over and over. */
async function inState<T>(
  client: ControlClient,
  volume: TestVolume,
  state: State,
  work: () => Promise<T>,
): Promise<T> {
  const stop = new AbortController()
  const busy =
    state === 'off' || state === 'following' ? undefined : keepBusy(client, volume, state, stop.signal)
  if (state === 'off') await client.call('inspectEnd')
  if (state === 'following') await client.call('inspectBucket', { limit: 1 })
  await sleep(SETTLE_MS)
  const done = await work()
  stop.abort()
  await busy
  return done
}

async function keepBusy(
  client: ControlClient,
  volume: TestVolume,
  state: Exclude<State, 'off' | 'following'>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const end = state === 'building' ? '.db' : state === 'deduplicating' ? '.content.db' : undefined
    if (end !== undefined) {
      await client.call('inspectEnd')
      await removeIndex(volume, end)
    }
    const op = { building: 'inspectBucket', surveying: 'inspectHealth', deduplicating: 'duplicates' }[state]
    await client.call(op, { limit: 1 }, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  }
}

async function removeIndex(volume: TestVolume, end: string): Promise<void> {
  const folder = join(volume.cache, 'index')
  for (const name of await readdir(folder).catch(() => []))
    if (name.replace(/-(wal|shm)$/, '').replace(/^[0-9a-f-]{36}/, '') === end) await rm(join(folder, name))
}

function costsOf(rounds: readonly Round[]): readonly InspectorCost[] {
  return ROWS.flatMap((row) =>
    STATES.map((state) => ({
      ...{ row, state },
      meanUs: median(rounds.map((round) => round[state][row].mean)),
      p99Us: median(rounds.map((round) => round[state][row].p99)),
      ratio: median(rounds.map((round) => round[state][row].mean / round.off[row].mean)),
    })),
  )
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2
}

/** A program that reads a large file of the mount when it is told to. */
class Reader {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  }

  static async start({ mountPoint }: TestVolume): Promise<Reader> {
    const args = [join(root, 'bench', 'reads.py'), mountPoint, String(FILES)]
    const reader = new Reader(spawn('python3', args, { stdio: ['pipe', 'pipe', 'inherit'] }))
    await reader.#answer()
    return reader
  }

  async read(row: Row): Promise<Times> {
    this.#child.stdin!.write(`${row}\n`)
    return (await this.#answer()) as Times
  }

  end(): void {
    this.#child.stdin!.end()
  }

  async #answer(): Promise<unknown> {
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error('reads.py ended')
    return JSON.parse(value)
  }
}
