/** SIGTERM, SIGINT and SIGHUP of this process as two signals: end in good order, and at once. */
export function stopSignals(): { readonly stop: AbortSignal; readonly force: AbortSignal } {
  const stop = new AbortController()
  const force = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.removeAllListeners(name)
    process.on(name, () => {
      // A closed terminal says SIGHUP after SIGINT; only a repeated request to end means hurry.
      if (!stop.signal.aborted) stop.abort(new DOMException('interrupted', 'AbortError'))
      else if (name !== 'SIGHUP') force.abort()
    })
  }
  return { stop: stop.signal, force: force.signal }
}
