/** The state of the connection to the daemon, as something to subscribe to. */
import { useSyncExternalStore } from 'react'
import type { ConnectionState } from '#core/api/client.ts'

export class Connection {
  #state: ConnectionState = 'connecting'
  #sinceMs = Date.now()
  readonly #listeners = new Set<() => void>()

  get state(): ConnectionState {
    return this.#state
  }

  /** When the state began. */
  get sinceMs(): number {
    return this.#sinceMs
  }

  set(state: ConnectionState): void {
    // A denied session stays so: what follows is only the socket trying again.
    if (state === this.#state || this.#state === 'denied') return
    this.#state = state
    this.#sinceMs = Date.now()
    for (const listener of this.#listeners) listener()
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }
}

export function useConnection(connection: Connection): ConnectionState {
  return useSyncExternalStore(connection.subscribe, () => connection.state)
}
