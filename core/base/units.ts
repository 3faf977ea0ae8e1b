/**
 * Sizes, durations and rates as people write and read them.
 * Source: shared/spec/vfs-and-fuse.md §9, admin-tools.md §1.
 */

const UNITS = 'BKMGTPE'
export type SizeUnit = 'B' | 'K' | 'M' | 'G' | 'T' | 'P' | 'E'

/**
 * Bytes from `128K`, `1.5G`, `4MiB`, `300`; a bare number counts `unit`s. 1024-based.
 * Throws RangeError for anything else, a negative or an inexact size.
 */
export function parseSize(text: string, unit: SizeUnit = 'B'): number {
  const match = /^(\d+(?:\.\d+)?|\.\d+)\s*(?:([KMGTPE])(?:i?B)?|B)?$/i.exec(text.trim())
  if (match === null)
    throw new RangeError(`not a size: ${JSON.stringify(text)} (write it like 512K, 4M or 1.5G)`)
  const explicit = match[2]?.toUpperCase() ?? (/b$/i.test(text.trim()) ? 'B' : unit)
  const bytes = Math.floor(Number(match[1]) * 1024 ** UNITS.indexOf(explicit))
  if (bytes > Number.MAX_SAFE_INTEGER) throw new RangeError(`too large a size: ${text}`)
  return bytes
}

const SECONDS: Readonly<Record<string, number>> = {
  d: 86400,
  h: 3600,
  m: 60,
  s: 1,
  ms: 1e-3,
  us: 1e-6,
  µs: 1e-6,
  ns: 1e-9,
}

/** Seconds from `1h2m3s`, `500ms`, `2d`; a bare number is seconds. */
export function parseDuration(text: string): number {
  const trimmed = text.trim()
  if (/^\d+(\.\d+)?$/.test(trimmed)) return Number(trimmed)
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|[dhms]))+$/.test(trimmed)) {
    throw new RangeError(`not a duration: ${JSON.stringify(text)} (write it like 30s, 5m, 1h30m or 2d)`)
  }
  let seconds = 0
  for (const [, number, unit] of trimmed.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|[dhms])/g)) {
    seconds += Number(number) * SECONDS[unit!]!
  }
  return seconds
}

/** Mbit/s from `500`, `500M`, `1.5G`, `10Gbps`; 1000-based. */
export function parseRate(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([MGTP])?(?:bps|bit\/s)?$/i.exec(text.trim())
  if (match === null)
    throw new RangeError(`not a rate: ${JSON.stringify(text)} (Mbit/s: write it like 500 or 1G)`)
  return Number(match[1]) * 1000 ** 'MGTP'.indexOf((match[2] ?? 'M').toUpperCase())
}

/** `1.2 GiB`; below 1024 plain bytes. */
export function formatSize(bytes: number): string {
  let value = bytes
  let at = 0
  while (Math.abs(value) >= 1024 && at < UNITS.length - 1) {
    value /= 1024
    at++
  }
  return at === 0 ? `${bytes} B` : `${value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)} ${UNITS[at]}iB`
}

/** `1.23 KiB (1260 Bytes)`, as the reference prints sizes. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let at = 0
  while (value >= 1024 && at < UNITS.length - 1) {
    value /= 1024
    at++
  }
  return at === 0 ? `${bytes} Bytes` : `${value.toFixed(2)} ${UNITS[at]}iB (${bytes} Bytes)`
}

/** `1d 2h`, `3m 20s`, `1.5s`, `80ms`: two units at most. */
export function formatDuration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)}ms`
  if (seconds < 10) return `${Number(seconds.toFixed(1))}s`
  const parts: string[] = []
  let rest = Math.round(seconds)
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const n = Math.floor(rest / SECONDS[unit]!)
    rest -= n * SECONDS[unit]!
    if (n > 0) parts.push(`${n}${unit}`)
    else if (parts.length === 1) break
  }
  return parts.slice(0, 2).join(' ')
}

/** `12,345`. */
export function formatCount(n: number): string {
  return n.toLocaleString('en-US')
}
