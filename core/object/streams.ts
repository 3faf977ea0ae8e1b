/** Objects of any size in constant memory: what `putStream` and `getStream` of the stores share. */
import type { EachRequest, ObjectStore, StreamOptions } from './store.ts'

/** Bytes asked for at a time. */
const PIECE = 4 * 2 ** 20

/** How the requests of a stream are made when no wrapper has a say. */
export function eachOf(options: StreamOptions | undefined): EachRequest {
  return options?.each ?? ((request) => request(options?.signal))
}

/** The options with `lay` around every request, inside of what was around it before. */
export function around(
  options: StreamOptions | undefined,
  lay: <T>(request: (signal?: AbortSignal) => Promise<T>, signal?: AbortSignal) => Promise<T>,
): StreamOptions {
  const outer = eachOf(options)
  return { ...options, each: (request) => outer((signal) => lay(request, signal)) }
}

/** `getStream` of a store that can read ranges. */
export async function* rangesOf(
  store: Pick<ObjectStore, 'get'>,
  key: string,
  options?: StreamOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const each = eachOf(options)
  for (let offset = 0; ; offset += PIECE) {
    const bytes = await each((signal) => store.get(key, { offset, length: PIECE }, { signal }))
    if (bytes.length > 0) yield bytes
    if (bytes.length < PIECE) return
  }
}

/** The pieces, each told of before it goes on. */
export async function* tapped(
  source: AsyncIterable<Uint8Array>,
  tell: (bytes: number) => Promise<void> | void,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of source) {
    await tell(piece.length)
    yield piece
  }
}

/** The same bytes in lists of exactly `size` bytes, the last of at most that; one empty list where there are none. */
export async function* partsOf(
  source: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  let part: Uint8Array[] = []
  let left = size
  let isFirst = true
  for await (let piece of source) {
    while (piece.length > left) {
      part.push(piece.subarray(0, left))
      piece = piece.subarray(left)
      yield part
      isFirst = false
      part = []
      left = size
    }
    if (piece.length > 0) part.push(piece)
    left -= piece.length
  }
  if (isFirst || part.length > 0) yield part
}

/** The first `count` bytes (fewer where there are no more), and all bytes with them, to be read once. */
export async function peek(
  source: AsyncIterable<Uint8Array>,
  count: number,
): Promise<{ readonly head: Uint8Array; readonly bytes: AsyncIterable<Uint8Array> }> {
  const pieces = source[Symbol.asyncIterator]()
  let first = Buffer.alloc(0)
  while (first.length < count) {
    const next = await pieces.next()
    if (next.done === true) break
    first = Buffer.concat([first, next.value])
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    try {
      yield first
      for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) yield next.value
    } finally {
      await pieces.return?.()
    }
  }
  return { head: first.subarray(0, count), bytes: whole() }
}

/** All of it: for streams known to be small, and tests. */
export async function gathered(source: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = []
  for await (const piece of source) pieces.push(piece)
  return pieces
}
