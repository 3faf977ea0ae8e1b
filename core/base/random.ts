/** Chance. Only this file asks the system; everything that must be repeatable takes a `Random`. */
import { randomBytes } from 'node:crypto'

export interface Random {
  /** A number in [0, 1). */
  next(): number
}

export const systemRandom: Random = { next: () => Math.random() }

/** `n` bytes fit for keys and nonces. */
export function secureBytes(n: number): Buffer {
  return randomBytes(n)
}

/** A repeatable sequence (mulberry32): equal seeds give equal numbers. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0
      let t = state
      t = Math.imul(t ^ (t >>> 15), t | 1)
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
    },
  }
}

/** A whole number in [0, n). */
export function below(random: Random, n: number): number {
  return Math.floor(random.next() * n)
}
