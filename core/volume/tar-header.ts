/**
 * Headers of a tar archive: ustar, with a pax header before it for what ustar cannot say (long names, large files,
 * fractions of a second). Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block".
 */
import type { Name } from '#core/base/name.ts'

export const TAR_BLOCK = 512

/** `file`, `symlink`, `char`, `block`, `directory`, `fifo`. */
export type TarType = '0' | '2' | '3' | '4' | '5' | '6'

export interface TarEntry {
  /** Below the archive's root, no slash at the start; a directory's ends in one. */
  readonly path: Name
  readonly type: TarType
  readonly size: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: number
  readonly mtimeNsec: number
  readonly target?: Name
  readonly device?: { readonly major: number; readonly minor: number }
}

/** The blocks before an entry's bytes. */
export function tarHeader(entry: TarEntry): Uint8Array {
  const { path, target = '', size, uid, gid, mtime, mtimeNsec } = entry
  const more: [string, string][] = []
  if (path.length > 100) more.push(['path', path])
  if (target.length > 100) more.push(['linkpath', target])
  if (size >= 8 ** 11) more.push(['size', String(size)])
  if (uid >= 8 ** 7) more.push(['uid', String(uid)])
  if (gid >= 8 ** 7) more.push(['gid', String(gid)])
  if (mtimeNsec > 0 || mtime < 0 || mtime >= 8 ** 11) more.push(['mtime', secondsText(mtime, mtimeNsec)])
  const header = block(entry, entry.type)
  if (more.length === 0) return header
  const records = Buffer.from(more.map(([name, value]) => paxRecord(name, value)).join(''), 'latin1')
  const before = block({ ...entry, size: records.length, path: 'pax', target: undefined }, 'x')
  return Buffer.concat([before, records, padding(records.length), header])
}

/** Zeros up to a whole block. */
export function padding(size: number): Uint8Array {
  return new Uint8Array((TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK)
}

/** What ends an archive. */
export const TAR_END = new Uint8Array(2 * TAR_BLOCK)

/** `<length> <name>=<value>\n`, where the length counts itself. */
function paxRecord(name: string, value: string): string {
  const rest = ` ${name}=${value}\n`
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return length + rest
}

/** -5 s and 250 ms are "-4.75": digits count away from zero. */
function secondsText(sec: number, nsec: number): string {
  const isBelow = sec < 0 && nsec > 0
  const whole = isBelow ? `-${-sec - 1}` : String(sec)
  return `${whole}.${String(isBelow ? 1e9 - nsec : nsec).padStart(9, '0')}`
}

function block(entry: TarEntry, type: string): Buffer {
  const { path, mode, uid, gid, size, mtime, target = '', device } = entry
  const out = Buffer.alloc(TAR_BLOCK)
  out.write(path.slice(0, 100), 0, 'latin1')
  octal(out, 100, 8, mode & 0o7777)
  octal(out, 108, 8, uid < 8 ** 7 ? uid : 0)
  octal(out, 116, 8, gid < 8 ** 7 ? gid : 0)
  octal(out, 124, 12, size < 8 ** 11 ? size : 0)
  octal(out, 136, 12, mtime >= 0 && mtime < 8 ** 11 ? mtime : 0)
  out.write(type, 156, 'latin1')
  out.write(target.slice(0, 100), 157, 'latin1')
  out.write('ustar\u000000', 257, 'latin1')
  octal(out, 329, 8, device?.major ?? 0)
  octal(out, 337, 8, device?.minor ?? 0)
  out.fill(' ', 148, 156)
  octal(
    out,
    148,
    7,
    out.reduce((sum, byte) => sum + byte, 0),
  )
  return out
}

/** Digits filling the field but for its last byte, which stays zero. */
function octal(out: Buffer, at: number, length: number, value: number): void {
  out.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1')
  out[at + length - 1] = 0
}
