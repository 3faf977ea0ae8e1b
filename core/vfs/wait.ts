/** Waiting that a signal to the calling process can end. */
import type { OpContext } from '#core/base/context.ts'
import { EINTR, fail } from '#core/base/errno.ts'

/**
 * What `work` gives, or EINTR once the request is interrupted; `work` itself goes on. With `grace` an interrupt
 * counts only when that promise has resolved.
 */
export async function interruptible<T>(
  work: Promise<T>,
  ctx: OpContext,
  grace?: () => Promise<void>,
): Promise<T> {
  const { signal } = ctx
  let onAbort: (() => void) | undefined
  const interrupted = new Promise<never>((_, reject) => {
    const give = (): void => reject(fail(EINTR, 'wait'))
    onAbort = grace === undefined ? give : () => void grace().then(give, give)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  interrupted.catch(() => {})
  work.catch(() => {})
  try {
    return await Promise.race([work, interrupted])
  } finally {
    signal.removeEventListener('abort', onAbort!)
  }
}
