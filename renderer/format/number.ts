/** Counts, shares and words that follow a count. */

const SPACE = '\u00a0'
/** One for all: making one costs more than formatting a row. */
const grouped = new Intl.NumberFormat('en-US')

/** `12,345`. */
export function count(n: number): string {
  return grouped.format(Math.round(n))
}

/** `1 file`, `3 files`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)}${SPACE}${n === 1 ? one : many}`
}

/** `940`, `9.4 k`, `1.2 M`: for axes and narrow cells. */
export function short(n: number): string {
  const size = Math.abs(n)
  if (size < 1000) return size < 9.95 && !Number.isInteger(n) ? n.toFixed(1) : String(Math.round(n))
  const units = ['k', 'M', 'G', 'T']
  let value = n / 1000
  let at = 0
  while (Math.abs(value) >= 999.5 && at < units.length - 1) {
    value /= 1000
    at++
  }
  return `${Math.abs(value) < 9.95 ? value.toFixed(1) : Math.round(value)}${SPACE}${units[at]}`
}

/** `97 %`, `0.4 %`, `100 %` only when it is all of it; `–` of nothing. */
export function percent(part: number, whole: number): string {
  if (!(whole > 0)) return '–'
  const share = (part / whole) * 100
  if (share >= 100) return `100${SPACE}%`
  if (share > 99) return `${Math.min(99.9, Math.floor(share * 10) / 10)}${SPACE}%`
  if (share > 0 && share < 0.1) return `<${SPACE}0.1${SPACE}%`
  return `${share < 9.95 && share > 0 ? share.toFixed(1) : Math.round(share)}${SPACE}%`
}

/** `340/s`, `9.4 k/s`. */
export function perSecond(n: number): string {
  return `${short(n)}/s`
}
