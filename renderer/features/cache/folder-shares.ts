/** How much of each entry of a folder is in the cache: counted one after another, shown as it comes. */
import type { CacheEstimate, FileEntry } from '#core/api/files.ts'

export interface Share {
  readonly name: string
  readonly path: string
  readonly isFolder: boolean
  readonly bytes: number
  readonly cachedBytes: number
  /** Counting was cut short: at least so much. */
  readonly partial: boolean
}

export interface Shares {
  /** Most cached first. */
  readonly shares: readonly Share[]
  readonly counted: number
  readonly toCount: number
  /** Entries beyond the most that are counted. */
  readonly left: number
}

/** Counting a folder walks it; so many are a picture, more are only work. */
const MOST_COUNTED = 40
const AT_ONCE = 2

export const NO_SHARES: Shares = { shares: [], counted: 0, toCount: 0, left: 0 }

/** Folders first, then the largest files. Calls `onShares` after each. Rejects with the first failure. */
export async function countShares(
  entries: readonly FileEntry[],
  estimate: (path: string) => Promise<CacheEstimate>,
  onShares: (shares: Shares) => void,
  signal: AbortSignal,
): Promise<void> {
  const all = entries.filter(({ type, size }) => type === 'directory' || (type === 'file' && size > 0))
  const chosen = [...all].sort((a, b) => rank(b) - rank(a)).slice(0, MOST_COUNTED)
  const shares: Share[] = []
  let next = 0
  async function work(): Promise<void> {
    while (next < chosen.length && !signal.aborted) {
      const { name, path, type } = chosen[next++]!
      const { bytes, cachedBytes, partial } = await estimate(path)
      if (signal.aborted) return
      shares.push({ name, path, isFolder: type === 'directory', bytes, cachedBytes, partial })
      onShares({
        shares: [...shares].sort((a, b) => b.cachedBytes - a.cachedBytes),
        counted: shares.length,
        toCount: chosen.length,
        left: all.length - chosen.length,
      })
    }
  }
  if (chosen.length === 0) onShares(NO_SHARES)
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

function rank({ type, size }: FileEntry): number {
  return type === 'directory' ? Number.MAX_SAFE_INTEGER : size
}
