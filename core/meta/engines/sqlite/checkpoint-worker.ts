/** The thread that moves frames from the log into the main file. Spoken to by `checkpoints.ts` only. */
import { parentPort, workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'
import type { CheckpointReply, CheckpointSetup } from './checkpoints.ts'

const { path, touch, restartFrames } = workerData as CheckpointSetup
/** Waiting here blocks only this thread. */
const db = new Database(path, { timeout: 1000, fileMustExist: true })
db.pragma('wal_autocheckpoint = 0')
db.pragma('synchronous = NORMAL')

/** `busy`, frames in the log, frames moved. */
function checkpoint(mode: 'PASSIVE' | 'RESTART'): [number, number, number] {
  return db.prepare(`PRAGMA wal_checkpoint(${mode})`).raw().get() as [number, number, number]
}

/**
 * PASSIVE takes no lock that a writer could meet. Only when a steady stream of commits has kept the log from
 * starting over for too long do we stop the writers for the moment it takes to move the last frames.
 */
function run(): void {
  let [, frames, moved] = checkpoint('PASSIVE')
  if (frames > restartFrames) [, frames, moved] = checkpoint('RESTART')
  // The first commit after a complete checkpoint starts the log over and waits for the disk: make it here.
  if (frames > 0 && moved === frames) db.exec(touch)
}

parentPort!.on('message', (message: 'checkpoint' | 'close') => {
  if (message === 'close') {
    db.close()
    parentPort!.close()
    return
  }
  try {
    run()
    parentPort!.postMessage({} satisfies CheckpointReply)
  } catch (error) {
    parentPort!.postMessage({ error: String(error) } satisfies CheckpointReply)
  }
})
