/** A thread that seals and unseals whole objects for `SealingPool`. */
import { parentPort, workerData } from 'node:worker_threads'
import { BackendError } from '#core/base/errno.ts'
import { joinParts } from './parts.ts'
import { seal, unseal } from './sealed-object.ts'
import type { SealingAnswer, SealingTask } from './sealing-pool.ts'
import type { VolumeKey } from './volume-key.ts'

const key = workerData as VolumeKey

parentPort?.on('message', ({ id, op, bytes }: SealingTask) => {
  try {
    // Small results live in Node's shared buffer pool, which must not be given away.
    const result = ownMemory(op === 'seal' ? joinParts(seal(key, [bytes])) : unseal(key, bytes))
    const answer: SealingAnswer = { id, bytes: result }
    parentPort?.postMessage(answer, [result.buffer])
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const answer: SealingAnswer = { id, message, isCorrupt: error instanceof BackendError }
    parentPort?.postMessage(answer)
  }
})

function ownMemory(bytes: Buffer): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) {
    return new Uint8Array(buffer, byteOffset, byteLength)
  }
  return new Uint8Array(bytes)
}
