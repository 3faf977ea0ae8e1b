/** Something to download. */
export interface Content {
  readonly name: string
  readonly size: number | null
  /** The bytes; `signal` fires when the other side has gone. */
  open(signal: AbortSignal): AsyncIterable<Uint8Array>
}
