/** A process that holds locks and files open in a mount, and does one thing after the other (holder.py). */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { root } from '../../scripts/runtime.mjs'

export class Holder implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #lines: Interface

  private constructor(child: ChildProcess, lines: Interface) {
    this.#child = child
    this.#lines = lines
  }

  static async start(folder: string): Promise<Holder> {
    const child = spawn('python3', [join(root, 'e2e', 'crash', 'holder.py'), folder], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const holder = new Holder(child, createInterface(child.stdout))
    await holder.#answer()
    return holder
  }

  /** What it says when it has done it: `ok …`, or `errno …`. */
  does(what: string): Promise<string> {
    this.#child.stdin!.write(`${what}\n`)
    return this.#answer()
  }

  async #answer(): Promise<string> {
    const [line] = (await once(this.#lines, 'line', { signal: AbortSignal.timeout(90_000) })) as [string]
    return line
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }
}
