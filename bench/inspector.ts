/**
 * What the inspector costs foreground reads: `npm run bench -- --inspect`. One mount, and another client, so that the
 * inspector may not believe its own ears; reads that the kernel does not answer from its pages, with the inspector's
 * process ended, following, building its index, surveying for health, and reading everything for duplicates. Turns are
 * short and come in a new order in each round; what counts is the median of all turns' times, and how sure that is. The state
 * without an inspector comes twice a round: what its second turn shows is noise. Forty rounds tell three per cent.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { below, type Random, seededRandom } from '#core/base/random.ts'
import { type ControlClient, findProcess } from '#core/volume/control-client.ts'
import type { EngineServer } from '../e2e/harness/engines.ts'
import { mustPomelo, placeForVolume, type TestVolume } from '../e2e/harness/volume.ts'
import { root } from '../scripts/runtime.mjs'
import type { Storage } from './storage.ts'

const STATES = ['off', 'off again', 'following', 'building', 'surveying', 'deduplicating'] as const
type State = (typeof STATES)[number]
type BusyState = Exclude<State, 'off' | 'off again' | 'following'>
const ROWS = ['random 4 KiB', 'sequential 128 KiB', 'sequential 1 MiB'] as const
type Row = (typeof ROWS)[number]

/** What reads.py says of one pass of a row, µs for each read. */
interface Times {
  readonly mean: number
  readonly p99: number
}
type Passes = Readonly<Record<State, Readonly<Record<Row, Times[]>>>>

export interface InspectorCost {
  readonly row: Row
  readonly state: State
  /** Medians of all passes. */
  readonly meanUs: number
  readonly p99Us: number
  /** Of that mean to the one without an inspector. */
  readonly ratio: number
  /** Standard error of the ratio. */
  readonly error: number
}

const FILES = 10_000
const SETTLE_MS = 300
/** Passes of each row in a turn. */
const TIMES = 5

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
      const found = Object.fromEntries(
        STATES.map((state) => [state, Object.fromEntries(ROWS.map((row) => [row, []]))]),
      ) as unknown as Passes
      const random = seededRandom(7)
      // The first round is for the compilers.
      for (let round = 0; round <= rounds; round++) {
        for (const state of shuffled(STATES, random)) {
          const passes = await inState(client, volume, state, () => readAll(reader))
          if (round > 0) for (const [row, times] of passes) found[state][row].push(times)
        }
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

async function readAll(reader: Reader): Promise<readonly (readonly [Row, Times])[]> {
  const passes: (readonly [Row, Times])[] = []
  for (let k = 0; k < TIMES; k++) for (const row of ROWS) passes.push([row, await reader.read(row)])
  return passes
}

/** Run `work` while the inspector does what `state` says, over and over. */
async function inState<T>(
  client: ControlClient,
  volume: TestVolume,
  state: State,
  work: () => Promise<T>,
): Promise<T> {
  const stop = new AbortController()
  let busy: Promise<void> | undefined
  if (state === 'off' || state === 'off again') await client.call('inspectEnd')
  else if (state === 'following') await client.call('inspectBucket', { limit: 1 })
  else busy = keepBusy(client, volume, state, stop.signal)
  await sleep(SETTLE_MS)
  const done = await work()
  stop.abort()
  await busy
  return done
}

async function keepBusy(
  client: ControlClient,
  volume: TestVolume,
  state: BusyState,
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

function costsOf(passes: Passes): readonly InspectorCost[] {
  return ROWS.flatMap((row) => {
    const off = sureMedian(passes.off[row])
    return STATES.map((state) => {
      const own = sureMedian(passes[state][row])
      return {
        row,
        state,
        meanUs: own.value,
        p99Us: median(passes[state][row].map(({ p99 }) => p99)),
        ratio: own.value / off.value,
        error: state === 'off' ? 0 : (own.value / off.value) * Math.hypot(own.error, off.error),
      }
    })
  })
}

/** The median of the means, and its standard error as a part of it (of values that scatter normally, by their own median). */
function sureMedian(passes: readonly Times[]): { readonly value: number; readonly error: number } {
  const means = passes.map(({ mean }) => mean)
  const value = median(means)
  const deviation = 1.483 * median(means.map((mean) => Math.abs(mean - value)))
  return { value, error: (1.253 * deviation) / Math.sqrt(means.length) / value }
}

function shuffled(states: readonly State[], random: Random): readonly State[] {
  const left = [...states]
  return states.map(() => left.splice(below(random, left.length), 1)[0]!)
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
