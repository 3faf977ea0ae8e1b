/**
 * Processes that write to a folder of a mount and note every acknowledgement (writer.py). One whose operation failed is
 * begun anew as long as they all run; what its journal promised still holds.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { root } from '../../scripts/runtime.mjs'
import { must, run, type TestVolume } from '../harness/volume.ts'

const WRITERS = 3
/** A writer whose operation failed ends; a new one is started after this. */
const AGAIN_MS = 200
/** Long enough for a machine that is busy otherwise. */
const PATIENCE_MS = 60_000
const script = (name: string): string => join(root, 'e2e', 'crash', name)

export class Writers implements AsyncDisposable {
  readonly #name: string
  readonly #seed: number
  readonly #folder: string
  readonly #journals: readonly string[]
  readonly #runs: readonly Promise<void>[]
  readonly #ending = new AbortController()
  /** What failed operations said, once each. */
  readonly errors = new Set<string>()

  private constructor(volume: TestVolume, name: string, seed: number) {
    this.#name = name
    this.#seed = seed
    this.#folder = join(volume.mountPoint, name)
    this.#journals = Array.from({ length: WRITERS }, (_, k) => join(volume.folder, `journal-${name}-${k}`))
    this.#runs = this.#journals.map((journal, k) => this.#run(journal, k))
  }

  /** In a new folder `name` of the mount. */
  static async start(volume: TestVolume, name: string, seed: number): Promise<Writers> {
    await must('mkdir', [join(volume.mountPoint, name)])
    return new Writers(volume, name, seed)
  }

  async #run(journal: string, who: number): Promise<void> {
    await appendFile(journal, '')
    for (let life = 0; !this.#ending.signal.aborted; life++) {
      const words = [script('writer.py'), this.#folder, journal, `${this.#seed * 1000 + life}`, `${who}`]
      const child = spawn('python3', words, { stdio: ['ignore', 'ignore', 'pipe'] })
      child.stderr.on('data', (data: Buffer) => this.#hear(String(data)))
      const stop = (): void => void child.kill('SIGKILL')
      this.#ending.signal.addEventListener('abort', stop)
      await new Promise((resolve) => child.on('close', resolve))
      this.#ending.signal.removeEventListener('abort', stop)
      await sleep(AGAIN_MS)
    }
  }

  #hear(text: string): void {
    for (const [, error] of text.matchAll(/\[Errno \d+\] ([^:\n]+)/g)) this.errors.add(error!)
  }

  async lines(): Promise<number> {
    const texts = await Promise.all(this.#journals.map((path) => readFile(path, 'utf8').catch(() => '')))
    return texts.join('').split('\n').length - 1
  }

  /** Wait until the journals have `lines` lines more than now. */
  async more(lines: number): Promise<void> {
    const wanted = (await this.lines()) + lines
    const deadline = performance.now() + PATIENCE_MS
    while ((await this.lines()) < wanted) {
      assert.ok(performance.now() < deadline, `the writers do not get on: ${[...this.errors].join(', ')}`)
      await sleep(50)
    }
  }

  /** Wait until an operation has failed so. */
  async failed(error: string): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS
    while (!this.errors.has(error)) {
      assert.ok(performance.now() < deadline, `nothing failed with ${error}: ${[...this.errors].join(', ')}`)
      await sleep(50)
    }
  }

  /** Kill them; the mount may be dead already. */
  async end(): Promise<void> {
    this.#ending.abort()
    await Promise.all(this.#runs)
  }

  /** How many promises are kept on `volume`, a mount of the same volume; throws when one is broken. */
  async verified(volume: TestVolume): Promise<number> {
    const words = [script('verify.py'), join(volume.mountPoint, this.#name), ...this.#journals]
    const { code, stdout, stderr } = await run('python3', words, { timeoutMs: PATIENCE_MS })
    assert.equal(code, 0, `${this.#name}:\n${stdout.slice(0, 4000)}${stderr}\n${volume.log.slice(-6000)}`)
    return Number.parseInt(stdout, 10)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
  }
}
