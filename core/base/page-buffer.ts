/** Buffers that begin at a page of memory, for writes past the kernel's cache. */
import { createRequire } from 'node:module'

const PAGE = 4096

const pageOffset = loadNative()

/** A buffer of `length` bytes with anything in it; at the beginning of a page where the add-on is built. */
export function pageBuffer(length: number): Uint8Array {
  if (pageOffset === undefined) return Buffer.allocUnsafeSlow(length)
  const bytes = Buffer.allocUnsafeSlow(length + PAGE)
  const skip = (PAGE - pageOffset(bytes)) % PAGE
  return bytes.subarray(skip, skip + length)
}

/** Whether `bytes` begin at a page and are whole pages. */
export function isPages(bytes: Uint8Array): boolean {
  return bytes.length % PAGE === 0 && pageOffset?.(bytes) === 0
}

function loadNative(): ((bytes: Uint8Array) => number) | undefined {
  try {
    const addon = createRequire(import.meta.url)('../../build/pages.node') as {
      pageOffset(bytes: Uint8Array): number
    }
    return (bytes) => addon.pageOffset(bytes)
  } catch {
    return undefined
  }
}
