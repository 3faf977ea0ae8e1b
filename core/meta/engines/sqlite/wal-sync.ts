/**
 * Makes the write-ahead log durable without blocking the event loop: an asynchronous fdatasync of the `-wal`
 * file beside SQLite's own descriptor (it holds no locks there, so closing ours is harmless; that is not true
 * of the main file, which must never be opened by other means in this process).
 *
 * Why that is enough: with synchronous=NORMAL SQLite itself syncs the header of a restarted log before frames
 * follow it, and a checkpoint syncs the log before it moves frames into the main file and the main file before
 * the log may be restarted. So a commit is durable once its frames are, or once a checkpoint has moved them.
 * The file's directory entry is synced once; the log stays the same file as long as a connection is open.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BackendError } from '#core/base/errno.ts'

export class WalSync {
  readonly #path: string
  #log: FileHandle | undefined
  #written = 0
  #synced = 0
  #running: { readonly upTo: number; readonly done: Promise<void> } | undefined
  #queued: Promise<void> | undefined
  #failure: BackendError | undefined

  /** `path` of the main file. */
  constructor(path: string) {
    this.#path = path
  }

  /** A commit has been applied. */
  note(): void {
    this.#written++
  }

  /**
   * Everything noted so far is durable once this resolves. Callers that come together share one fdatasync.
   * After a failure every call fails: the kernel may have dropped what it could not write.
   */
  sync(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#synced >= this.#written) return Promise.resolve()
    const running = this.#running
    if (running === undefined) return this.#start()
    if (running.upTo >= this.#written) return running.done
    this.#queued ??= running.done.then(() => {
      this.#queued = undefined
      return this.#start()
    })
    return this.#queued
  }

  async close(): Promise<void> {
    await this.#queued?.catch(() => {})
    await this.#running?.done.catch(() => {})
    await this.#log?.close()
    this.#log = undefined
  }

  #start(): Promise<void> {
    const upTo = this.#written
    const done = this.#flush()
      .then(() => {
        this.#synced = upTo
      })
      .catch((cause: unknown) => {
        const message = `${this.#path}: metadata could not be made durable; the disk reported an error`
        this.#failure = new BackendError('unavailable', message, { cause })
        throw this.#failure
      })
      .finally(() => {
        this.#running = undefined
      })
    this.#running = { upTo, done }
    return done
  }

  async #flush(): Promise<void> {
    if (this.#log === undefined) {
      this.#log = await open(`${this.#path}-wal`, 'r')
      await syncDirectory(dirname(this.#path))
    }
    await this.#log.datasync()
  }
}

/** Make the names in a directory durable. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
