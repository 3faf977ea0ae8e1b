/**
 * The server of the metadata is killed again and again, and paused, while writers run on a mount. What waits for it
 * goes on when it is back or fails with a clear error; everything that was acknowledged is so in the end, and both
 * clients' fsck are clean. POMELO_CRASH_SEED changes the run.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { below, seededRandom } from '#core/base/random.ts'
import { root } from '../../scripts/runtime.mjs'
import { isLong, type UsedEngine, useEngines } from '../harness/engines.ts'
import { must, noMount, run, type TestVolume } from '../harness/volume.ts'
import { checkAfterCrash } from './check.ts'

const SEED = Number(process.env.POMELO_CRASH_SEED ?? 1)
const KILLS = isLong ? 12 : 3
/** Less than any time-out of ours: it is waited for. */
const PAUSE_MS = isLong ? 20_000 : 3000
const WRITERS = 3
/** A writer whose operation failed ends; a new one is started after this, as long as the round lasts. */
const AGAIN_MS = 200
const script = (name: string): string => join(root, 'e2e', 'crash', name)

/** Engines whose server can be killed and started again on its data. */
const SERVERS = ['redis', 'postgres']

for (const engine of useEngines()) if (SERVERS.includes(engine.name)) survives(engine)

function survives(engine: UsedEngine): void {
  const limits = { skip: noMount || engine.skip, timeout: 600_000 }
  test(
    `${KILLS} kills of the metadata server lose and double nothing: ${engine.name}, seed ${SEED}`,
    limits,
    async (t) => {
      const random = seededRandom(SEED)
      await using volume = await engine.makeVolume(['--trash-days', '0', '--block-size', '64K'])
      const server = (await engine.faults())!
      await volume.mount()
      let promises = 0
      for (let round = 0; round < KILLS; round++) {
        await using writers = await Writers.start(volume, round)
        await writers.promised(below(random, 60))
        await server.kill()
        await sleep(below(random, 1500))
        await server.restart()
        await writers.promised((await writers.lines()) + 30)
        promises += await writers.verified()
      }
      t.diagnostic(`${promises} promises kept`)
      await checkAfterCrash(volume, engine, t)
    },
  )

  test(
    `a metadata server that is paused is waited for, and nothing fails: ${engine.name}`,
    limits,
    async (t) => {
      await using volume = await engine.makeVolume(['--trash-days', '0', '--block-size', '64K'])
      const server = (await engine.faults())!
      await volume.mount()
      await must('sh', ['-c', 'echo kept > kept'], { cwd: volume.mountPoint })
      server.pause()
      const asked = performance.now()
      const waiting = must('sh', ['-c', 'mkdir d; echo late > d/late; mv kept d/kept; cat d/*'], {
        cwd: volume.mountPoint,
      })
      await sleep(PAUSE_MS)
      server.resume()
      assert.equal(await waiting, 'kept\nlate\n')
      assert.ok(performance.now() - asked >= PAUSE_MS, 'it was answered without the server')
      await checkAfterCrash(volume, engine, t)
    },
  )
}

/** Writers in a folder of their own, begun anew when an operation of theirs failed. */
class Writers implements AsyncDisposable {
  readonly #folder: string
  readonly #journals: readonly string[]
  readonly #runs: readonly Promise<void>[]
  readonly #ending = new AbortController()

  private constructor(volume: TestVolume, round: number) {
    this.#folder = join(volume.mountPoint, `round-${round}`)
    this.#journals = Array.from({ length: WRITERS }, (_, k) => join(volume.folder, `journal-${round}-${k}`))
    this.#runs = this.#journals.map((journal, k) => this.#run(journal, k))
  }

  static async start(volume: TestVolume, round: number): Promise<Writers> {
    await must('mkdir', [join(volume.mountPoint, `round-${round}`)])
    return new Writers(volume, round)
  }

  async #run(journal: string, who: number): Promise<void> {
    for (let life = 0; !this.#ending.signal.aborted; life++) {
      const words = [script('writer.py'), this.#folder, journal, `${SEED * 1000 + life}`, `${who}`]
      const child = spawn('python3', words, { stdio: 'ignore' })
      const stop = (): void => void child.kill('SIGKILL')
      this.#ending.signal.addEventListener('abort', stop)
      await new Promise((resolve) => child.on('exit', resolve))
      this.#ending.signal.removeEventListener('abort', stop)
      await sleep(AGAIN_MS)
    }
  }

  async lines(): Promise<number> {
    const texts = await Promise.all(this.#journals.map((path) => readFile(path, 'utf8').catch(() => '')))
    return texts.join('').split('\n').length - 1
  }

  /** Wait until the journals have more than `lines` lines together. */
  async promised(lines: number): Promise<void> {
    const deadline = performance.now() + 60_000
    while ((await this.lines()) <= lines) {
      assert.ok(performance.now() < deadline, 'the writers do not get on')
      await sleep(50)
    }
  }

  /** End them; how many promises are kept, when all are. */
  async verified(): Promise<number> {
    await this[Symbol.asyncDispose]()
    const check = await run('python3', [script('verify.py'), this.#folder, ...this.#journals])
    assert.equal(check.code, 0, check.stdout + check.stderr)
    return Number.parseInt(check.stdout, 10)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    await Promise.all(this.#runs)
  }
}
