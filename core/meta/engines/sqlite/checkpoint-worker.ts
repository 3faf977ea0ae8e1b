/** The thread that moves frames from the log into the main file. Spoken to by `checkpoints.ts` only. */
import { parentPort, workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'
import type { CheckpointReply, CheckpointSetup } from './checkpoints.ts'

const { path, restartFrames } = workerData as CheckpointSetup
/** Waiting here blocks only this thread. */
const db = new Database(path, { timeout: 1000, fileMustExist: true })
db.pragma('wal_autocheckpoint = 0')
db.pragma('synchronous = NORMAL')

/**
 * PASSIVE takes no lock that a writer could meet. Only when a steady stream of commits has kept the log from
 * starting over for too long do we stop the writers for the moment it takes to move the last frames.
 */
function run(): void {
  const [, frames] = checkpoint('PASSIVE')
  if (frames > restartFrames) checkpoint('RESTART')
}

function checkpoint(mode: 'PASSIVE' | 'RESTART'): [busy: number, frames: number, moved: number] {
  return db.prepare(`PRAGMA wal_checkpoint(${mode})`).raw().get() as [number, number, number]
}

parentPort!.on('message', (message: 'checkpoint' | 'close') => {
  if (message === 'close') {
    db.close()
    parentPort!.close()
    return
  }
  let reply: CheckpointReply = {}
  try {
    run()
  } catch (error) {
    reply = { error: String(error) }
  }
  parentPort!.postMessage(reply)
})
