/** What an abort signal means to an object store: the caller gave up. */
import { BackendError } from '#core/base/errno.ts'

export function interruption(signal: AbortSignal): BackendError {
  if (signal.reason instanceof BackendError) return signal.reason
  return new BackendError('interrupted', 'the caller gave up', { cause: signal.reason })
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw interruption(signal)
}

/**
 * Settles like `work`, but at once with `interrupted` when the signal fires first. For work that cannot be
 * stopped (a system call on a dead file server): it goes on unheard, so it must look at the signal itself before
 * it does anything that the caller no longer expects.
 */
export async function abandonable<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  throwIfAborted(signal)
  if (signal === undefined) return work()
  let onAbort = (): void => {}
  try {
    return await new Promise<T>((resolve, reject) => {
      onAbort = () => reject(interruption(signal))
      signal.addEventListener('abort', onAbort, { once: true })
      work().then(resolve, reject)
    })
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
