/** Bytes as people read them. */

/**
 * `00001000  4a 75 69 63 65 …  Juice…`, a line for `row` bytes (a multiple of eight); `at` is the first one's position.
 */
export function hexLines(bytes: Uint8Array, at: number, row: number): string {
  const lines: string[] = []
  for (let from = 0; from < bytes.length; from += row) {
    const part = [...bytes.subarray(from, from + row)]
    const digits = part.map((byte) => byte.toString(16).padStart(2, '0'))
    const groups = Array.from({ length: row / 8 }, (_, k) => digits.slice(8 * k, 8 * k + 8).join(' '))
    const position = (at + from).toString(16).padStart(8, '0')
    lines.push(`${position}  ${groups.join('  ').padEnd(3 * row)} ${part.map(shownByte).join('')}`)
  }
  return lines.join('\n')
}

function shownByte(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·'
}

/** UTF-8, with a mark for what is none and for control characters other than line ends and tabs. */
export function shownText(bytes: Uint8Array): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  return new TextDecoder().decode(bytes).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, '·')
}
