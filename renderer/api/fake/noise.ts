/** Numbers that look alive and are the same every time: history and live views agree on every second. */

/** 0 to 1, of a name and a whole number. */
export function chance(name: string, at: number): number {
  let hash = 2166136261 ^ Math.floor(at)
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 16777619)
  hash = Math.imul(hash ^ (hash >>> 15), 2246822507)
  hash = Math.imul(hash ^ (hash >>> 13), 3266489909)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}

/** 0 to 1, changing smoothly with time: slow waves, quick ones, and a little jitter. */
export function noise(name: string, atMs: number): number {
  const wave = (periodSec: number) => {
    const position = atMs / 1000 / periodSec
    const step = Math.floor(position)
    const t = position - step
    const eased = t * t * (3 - 2 * t)
    const from = chance(`${name}${periodSec}`, step)
    return from + (chance(`${name}${periodSec}`, step + 1) - from) * eased
  }
  return 0.5 * wave(180) + 0.3 * wave(23) + 0.15 * wave(5) + 0.05 * chance(name, atMs / 1000)
}
