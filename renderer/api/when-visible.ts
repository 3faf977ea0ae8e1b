/** Runs `start` while the window is seen, and stops it a moment after it is hidden. */

const LINGER_MS = 2000

export function whenVisible(start: () => () => void): () => void {
  let stop: (() => void) | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  function look(): void {
    clearTimeout(timer)
    if (!document.hidden) stop ??= start()
    else if (stop !== undefined)
      timer = setTimeout(() => {
        stop?.()
        stop = undefined
      }, LINGER_MS)
  }

  document.addEventListener('visibilitychange', look)
  look()
  return () => {
    document.removeEventListener('visibilitychange', look)
    clearTimeout(timer)
    stop?.()
  }
}
