/** Whether what an operation has read is still so. */
import { isDeepStrictEqual } from 'node:util'
import { inoText } from '#core/base/ino.ts'
import type { FailedGuard, Guard, RecordKey, RecordValue } from '#core/meta/engine.ts'
import type { Edge, NodeRecord } from '#core/meta/records.ts'
import { alike, sameNode } from '#core/meta/same-node.ts'

/** The record that a guard is about; undefined for `emptyDir`, which asks for any entry. */
export function guardedKey(guard: Guard): RecordKey | undefined {
  switch (guard.kind) {
    case 'nodeIs':
    case 'nodeLike':
      return { kind: 'node', ino: guard.ino }
    case 'edgeIs':
      return { kind: 'edge', parent: guard.parent, name: guard.name }
    case 'chunkIs':
    case 'chunkStartsWith':
      return { kind: 'chunk', ino: guard.ino, index: guard.index }
    case 'recordIs':
      return guard.key
    case 'emptyDir':
      return undefined
    default:
      return guard satisfies never
  }
}

/** What is there instead of what the guard wants; undefined when it holds. `actual`: the record of `guardedKey`. */
export function mismatch(guard: Guard, actual: RecordValue): FailedGuard['actual'] | undefined {
  return holds(guard, actual) ? undefined : actual
}

function holds(guard: Guard, actual: RecordValue): boolean {
  switch (guard.kind) {
    case 'nodeIs':
      return sameNode(actual as NodeRecord | null, guard.is)
    case 'nodeLike':
      return actual !== null && alike(actual as NodeRecord, guard.like)
    case 'edgeIs': {
      const edge = actual as Edge | null
      return edge?.ino === guard.is?.ino && edge?.type === guard.is?.type
    }
    case 'chunkIs':
      return sameValue(actual, guard.is)
    case 'chunkStartsWith':
      return actual !== null && startsWith(actual as Uint8Array, guard.prefix)
    case 'recordIs':
      return sameValue(actual, guard.is)
    case 'emptyDir':
      throw new Error(`directory ${inoText(guard.ino)} is asked for entries, not for a record`)
    default:
      return guard satisfies never
  }
}

export function sameValue(a: RecordValue, b: RecordValue): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  return isDeepStrictEqual(a, b)
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return bytes.length >= prefix.length && Buffer.compare(bytes.subarray(0, prefix.length), prefix) === 0
}
