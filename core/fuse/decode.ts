/**
 * From request bytes to values. Straight-line reads from one DataView over the request buffer (style.md, hot path);
 * every length is checked against the request's end before it is believed.
 */
import type { Time } from '#core/base/clock.ts'
import { type Ino, inoFromWords } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import * as abi from './abi.ts'
import type { FileLock, SetattrRequest } from './filesystem.ts'

const WORD = 2 ** 32

/** The kernel sent something it never sends, or our reading of the protocol is wrong. */
export class MalformedRequest extends Error {
  override readonly name = 'MalformedRequest'
}

/** The request buffer, both ways of looking at it. */
export class Input {
  readonly bytes: Buffer
  readonly view: DataView

  constructor(bytes: Buffer) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** @hot */
  u32(at: number): number {
    return this.view.getUint32(at, true)
  }

  /** Exact below 2^53; above, the nearest number. @hot */
  u64(at: number): number {
    return this.view.getUint32(at + 4, true) * WORD + this.view.getUint32(at, true)
  }

  i64(at: number): number {
    return this.view.getInt32(at + 4, true) * WORD + this.view.getUint32(at, true)
  }

  big(at: number): bigint {
    return this.view.getBigUint64(at, true)
  }

  /** A nodeid. @hot */
  ino(at: number): Ino {
    const ino = inoFromWords(this.view.getUint32(at + 4, true), this.view.getUint32(at, true))
    if (Number.isNaN(ino)) throw new MalformedRequest('a nodeid that was never given out')
    return ino
  }

  /** One path component that ends, with its NUL, exactly at `end`. @hot */
  name(at: number, end: number): Name {
    if (this.#nul(at, end) !== end - 1) throw new MalformedRequest('a name with a NUL inside')
    return this.#component(at, end - 1)
  }

  /** Two NUL-terminated names, one after the other; `raw` of the second: any bytes (a symlink's target). */
  twoNames(at: number, end: number, raw: boolean): [Name, Name] {
    const middle = this.#nul(at, end)
    if (middle + 1 >= end || this.#nul(middle + 1, end) !== end - 1)
      throw new MalformedRequest('not two names')
    const second = raw
      ? this.bytes.toString('latin1', middle + 1, end - 1)
      : this.#component(middle + 1, end - 1)
    return [this.#component(at, middle), second]
  }

  /** A NUL-terminated string that may hold anything else (xattr names). Returns it and where the rest starts. */
  text(at: number, end: number): { readonly text: Name; readonly next: number } {
    const nul = this.#nul(at, end)
    if (nul === at) throw new MalformedRequest('an empty name')
    return { text: this.bytes.toString('latin1', at, nul), next: nul + 1 }
  }

  /** View of `size` bytes that must lie before `end`. Valid until the next read from the device. */
  data(at: number, size: number, end: number): Uint8Array {
    if (size > end - at) throw new MalformedRequest(`${size} bytes announced, ${end - at} there`)
    return this.bytes.subarray(at, at + size)
  }

  #nul(at: number, end: number): number {
    const nul = this.bytes.indexOf(0, at)
    if (nul < 0 || nul >= end) throw new MalformedRequest('a name without its NUL')
    return nul
  }

  #component(at: number, end: number): Name {
    if (at === end) throw new MalformedRequest('an empty name')
    const name = this.bytes.toString('latin1', at, end)
    if (name.includes('/')) throw new MalformedRequest('a name with a slash')
    return name
  }
}

/** Source: fs/fuse/dir.c iattr_to_fattr: *_NOW comes together with the plain bit. */
export function decodeSetattr(input: Input, at: number): SetattrRequest {
  const S = abi.SETATTR_IN
  const valid = input.u32(at + S.valid)
  const has = (bit: number): boolean => (valid & bit) !== 0
  return {
    fh: has(abi.FATTR_FH) ? input.u64(at + S.fh) : undefined,
    mode: has(abi.FATTR_MODE) ? input.u32(at + S.mode) : undefined,
    uid: has(abi.FATTR_UID) ? input.u32(at + S.uid) : undefined,
    gid: has(abi.FATTR_GID) ? input.u32(at + S.gid) : undefined,
    size: has(abi.FATTR_SIZE) ? input.u64(at + S.size) : undefined,
    atime: has(abi.FATTR_ATIME_NOW)
      ? 'now'
      : has(abi.FATTR_ATIME)
        ? time(input, at + S.atime, at + S.atimensec)
        : undefined,
    mtime: has(abi.FATTR_MTIME_NOW)
      ? 'now'
      : has(abi.FATTR_MTIME)
        ? time(input, at + S.mtime, at + S.mtimensec)
        : undefined,
    ctime: has(abi.FATTR_CTIME) ? time(input, at + S.ctime, at + S.ctimensec) : undefined,
    killSuidgid: has(abi.FATTR_KILL_SUIDGID),
  }
}

function time(input: Input, sec: number, nsec: number): Time {
  return { sec: input.i64(sec), nsec: input.u32(nsec) }
}

export function decodeLock(input: Input, at: number): FileLock {
  const L = abi.FILE_LOCK
  return {
    start: input.big(at + L.start),
    end: input.big(at + L.end),
    type: input.u32(at + L.type),
    pid: input.u32(at + L.pid),
  }
}
