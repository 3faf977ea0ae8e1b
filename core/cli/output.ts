/**
 * What a command prints. Data go to standard output; progress, notes and errors to standard error, so that
 * output can be piped. On a terminal progress is one line that renews itself, elsewhere a line now and then.
 */

import { createInterface } from 'node:readline'
import type { Writable } from 'node:stream'
import { Refusal } from '#core/base/refusal.ts'
import { formatDuration } from '#core/base/units.ts'

const TTY_EVERY_MS = 100
const LOG_EVERY_MS = 10_000

export interface OutputOptions {
  readonly json: boolean
  readonly quiet: boolean
  readonly verbose: boolean
}

export interface Streams {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: Writable
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number }
}

export class Output {
  readonly json: boolean
  readonly quiet: boolean
  readonly verbose: boolean
  readonly #streams: Streams
  #progress: Progress | undefined

  constructor(streams: Streams, options: OutputOptions) {
    this.#streams = streams
    this.json = options.json
    this.quiet = options.quiet
    this.verbose = options.verbose
  }

  /** A line of data. */
  print(line = ''): void {
    this.#streams.stdout.write(`${line}\n`)
  }

  /** Bytes of data; resolves when more may be written. */
  async write(bytes: Uint8Array): Promise<void> {
    const { stdout } = this.#streams
    if (!stdout.write(bytes)) await new Promise<void>((resolve) => stdout.once('drain', resolve))
  }

  /** Data as JSON with two-space indentation, whatever `--json` says. */
  printJson(value: unknown): void {
    this.print(JSON.stringify(value, undefined, 2))
  }

  /** `value` as JSON with `--json`, else what `text` prints. */
  data(value: unknown, text: () => void): void {
    if (this.json) this.printJson(value)
    else text()
  }

  /** A note for the person; not with `--quiet`. */
  note(line: string): void {
    if (!this.quiet) this.#toStderr(line)
  }

  warn(line: string): void {
    this.#toStderr(`pomelo: warning: ${line}`)
  }

  /** Aligned columns; `right` lists the columns with numbers. */
  table(head: readonly string[], rows: readonly (readonly string[])[], right: readonly number[] = []): void {
    const width = head.map((title, at) =>
      Math.max(displayWidth(title), ...rows.map((row) => displayWidth(row[at] ?? ''))),
    )
    const line = (cells: readonly string[]) =>
      cells
        .map((cell, at) => {
          const blanks = ' '.repeat(Math.max(0, width[at]! - displayWidth(cell)))
          return right.includes(at) ? blanks + cell : cell + blanks
        })
        .join('  ')
        .trimEnd()
    this.print(line(head))
    for (const row of rows) this.print(line(row))
  }

  /** Start a progress line called `title`; end it with `done`. One at a time. */
  progress(title: string): Progress {
    this.#progress?.done()
    this.#progress = new Progress(title, this.#streams.stderr, this.quiet)
    return this.#progress
  }

  /** Take a progress line off the terminal. */
  endProgress(): void {
    this.#progress?.done()
    this.#progress = undefined
  }

  /** Ask yes or no. Without a terminal to ask on, refuses and names `--yes`. */
  async confirm(question: string): Promise<boolean> {
    for (;;) {
      const answer = (await this.#ask(`${question} [y/N] `, false)).trim().toLowerCase()
      if (answer === 'y' || answer === 'yes') return true
      if (answer === '' || answer === 'n' || answer === 'no') return false
    }
  }

  /** Ask for a secret without showing it. */
  askSecret(question: string): Promise<string> {
    return this.#ask(`${question}: `, true)
  }

  #ask(question: string, hidden: boolean): Promise<string> {
    const { stdin, stderr } = this.#streams
    if (!stdin.isTTY)
      throw new Refusal(
        'this needs an answer, and there is no terminal to ask on',
        hidden ? undefined : 'add --yes',
      )
    this.endProgress()
    return new Promise((resolve, reject) => {
      const lines = createInterface({ input: stdin, output: stderr, terminal: true })
      let answered = false
      lines.question(question, (answer) => {
        answered = true
        lines.close()
        if (hidden) stderr.write('\n')
        resolve(answer)
      })
      // Readline echoes through this method: without it nothing typed is shown.
      if (hidden) (lines as unknown as { _writeToOutput: () => void })._writeToOutput = () => {}
      lines.on('close', () => {
        if (!answered) reject(new DOMException('no answer', 'AbortError'))
      })
    })
  }

  #toStderr(line: string): void {
    this.#progress?.clear()
    this.#streams.stderr.write(`${line}\n`)
  }
}

/** A renewed line such as `Scanned objects 12,345 (1.2 GiB) 3s`. */
export class Progress {
  readonly #title: string
  readonly #stream: Streams['stderr']
  readonly #silent: boolean
  readonly #started = performance.now()
  #lastShown = 0
  #onScreen = false

  constructor(title: string, stream: Streams['stderr'], quiet: boolean) {
    this.#title = title
    this.#stream = stream
    this.#silent = quiet
    this.#lastShown = stream.isTTY ? 0 : this.#started
  }

  /** Show `text` if enough time has passed. Cheap to call often. */
  update(text: string): void {
    if (this.#silent) return
    const now = performance.now()
    if (now - this.#lastShown < (this.#stream.isTTY ? TTY_EVERY_MS : LOG_EVERY_MS)) return
    this.#lastShown = now
    const line = `${this.#title}: ${text} (${formatDuration((now - this.#started) / 1000)})`
    if (!this.#stream.isTTY) {
      this.#stream.write(`${line}\n`)
      return
    }
    this.#stream.write(`\r\x1b[K${line.slice(0, (this.#stream.columns ?? 80) - 1)}`)
    this.#onScreen = true
  }

  clear(): void {
    if (this.#onScreen) this.#stream.write('\r\x1b[K')
    this.#onScreen = false
  }

  done(): void {
    this.clear()
  }
}

/** Columns of a terminal that `text` takes; wide East Asian characters count 2. */
function displayWidth(text: string): number {
  let width = 0
  for (const char of text) {
    const code = char.codePointAt(0)!
    const wide =
      (code >= 0x1100 && code <= 0x115f) ||
      (code >= 0x2e80 && code <= 0xa4cf) ||
      (code >= 0xac00 && code <= 0xd7a3) ||
      (code >= 0xf900 && code <= 0xfaff) ||
      (code >= 0xfe30 && code <= 0xfe6f) ||
      (code >= 0xff00 && code <= 0xff60) ||
      (code >= 0x1f300 && code <= 0x1faff)
    width += wide ? 2 : 1
  }
  return width
}
