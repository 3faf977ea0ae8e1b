/** A thread that seals and unseals whole objects for `SealingPool`, one at a time. */
import { parentPort, workerData } from 'node:worker_threads'
import { BackendError } from '#core/base/errno.ts'
import { seal, unseal } from './sealed-object.ts'
import type { SealingAnswer, SealingTask } from './sealing-pool.ts'
import type { VolumeKey } from './volume-key.ts'

const key = workerData as VolumeKey

parentPort?.on('message', (task: SealingTask) => {
  try {
    const results = 'plain' in task ? seal(key, [task.plain]) : [unseal(key, task.sealed)]
    const parts = results.map(ownMemory)
    parentPort?.postMessage(
      { parts } satisfies SealingAnswer,
      parts.map(({ buffer }) => buffer),
    )
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    parentPort?.postMessage({ message, isCorrupt: error instanceof BackendError } satisfies SealingAnswer)
  }
})

/** Small results live in Node's shared buffer pool, which must not be given away. */
function ownMemory(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) {
    return new Uint8Array(buffer, byteOffset, byteLength)
  }
  return new Uint8Array(bytes)
}
