/** Run a command line in this process, with its output kept, for tests. Nothing that mounts. */
import { Readable, Writable } from 'node:stream'
import { main } from './main.ts'

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** Standard output as it came. */
  readonly bytes: Buffer
}

export async function runMain(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<Ended> {
  const [stdout, stderr] = [new Kept(), new Kept()]
  const stdin = Readable.from([]) as unknown as NodeJS.ReadStream
  const code = await main(args, { stdin, stdout, stderr }, env, signal)
  return { code, stdout: stdout.text, stderr: stderr.text, bytes: stdout.bytes }
}

class Kept extends Writable {
  readonly #parts: Buffer[] = []

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#parts.push(chunk)
    done()
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }

  get text(): string {
    return this.bytes.toString()
  }
}
