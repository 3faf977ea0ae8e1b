/** A POSIX mode as letters, octal digits and switches. `mode` holds the permission bits and the three special ones. */

export const MODE_BITS = {
  setuid: 0o4000,
  setgid: 0o2000,
  sticky: 0o1000,
} as const

export type Who = 'owner' | 'group' | 'others'
export type Right = 'read' | 'write' | 'execute'

const SHIFT: Readonly<Record<Who, number>> = { owner: 6, group: 3, others: 0 }
const BIT: Readonly<Record<Right, number>> = { read: 4, write: 2, execute: 1 }

export function bitOf(who: Who, right: Right): number {
  return BIT[right] << SHIFT[who]
}

export function withBit(mode: number, bit: number, on: boolean): number {
  return on ? mode | bit : mode & ~bit
}

/** `rw-r--r--`, `rwsr-xr-t`; as ls(1) writes it, without the letter of the type. */
export function letters(mode: number): string {
  const triple = (shift: number, special: boolean, letter: string) => {
    const bits = (mode >> shift) & 7
    const x = bits & 1 ? (special ? letter : 'x') : special ? letter.toUpperCase() : '-'
    return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${x}`
  }
  return (
    triple(6, (mode & MODE_BITS.setuid) !== 0, 's') +
    triple(3, (mode & MODE_BITS.setgid) !== 0, 's') +
    triple(0, (mode & MODE_BITS.sticky) !== 0, 't')
  )
}

/** `644`, `4755`. */
export function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(3, '0')
}

/** The mode that `755` or `4755` means, or undefined. */
export function parseOctal(text: string): number | undefined {
  return /^[0-7]{3,4}$/.test(text.trim()) ? Number.parseInt(text.trim(), 8) : undefined
}
