/** Object keys: their order is that of their UTF-8 bytes, in every listing. */

/** Negative, zero or positive; JS compares UTF-16 units, which puts surrogates before U+E000..U+FFFF. */
export function compareKeys(a: string, b: string): number {
  const end = Math.min(a.length, b.length)
  for (let i = 0; i < end; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return x >= 0xd800 && y >= 0xd800 ? utf8Rank(x) - utf8Rank(y) : x - y
  }
  return a.length - b.length
}

function utf8Rank(unit: number): number {
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}
