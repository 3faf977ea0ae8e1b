/** Where a dump goes: bytes in order, each accepted before the next. */
export interface Sink {
  write(bytes: Uint8Array): Promise<void>
}

const FULL = 64 * 1024

/** Text on its way to a sink, a good piece at a time. */
export class TextSink {
  readonly #sink: Sink
  #text = ''

  constructor(sink: Sink) {
    this.#sink = sink
  }

  add(text: string): void {
    this.#text += text
  }

  /** Await this often: what has gathered goes out when it is enough. */
  settle(): Promise<void> | undefined {
    return this.#text.length < FULL ? undefined : this.flush()
  }

  async flush(): Promise<void> {
    const text = this.#text
    this.#text = ''
    if (text !== '') await this.#sink.write(Buffer.from(text))
  }
}
