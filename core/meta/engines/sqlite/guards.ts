/** Whether what an operation has read is still so. */
import { isDeepStrictEqual } from 'node:util'
import type { FailedGuard, Guard, RecordValue } from '#core/meta/engine.ts'
import { alike, sameNode } from '#core/meta/same-node.ts'
import { readChunk, readEdge, readNode, readRecord } from './read.ts'
import { inoToSql } from './rows.ts'
import type { Statements } from './statements.ts'

/** The guards that do not hold, with what is there instead. Inside the commit's transaction. */
export function failedGuards(
  s: Statements,
  guards: readonly Guard[],
  legacySessions: boolean,
): readonly FailedGuard[] {
  const failed: FailedGuard[] = []
  for (let guard = 0; guard < guards.length; guard++) {
    const actual = mismatch(s, guards[guard]!, legacySessions)
    if (actual !== undefined) failed.push({ guard, actual })
  }
  return failed
}

/** Undefined when the guard holds. */
function mismatch(s: Statements, guard: Guard, legacySessions: boolean): FailedGuard['actual'] | undefined {
  switch (guard.kind) {
    case 'nodeIs': {
      const node = readNode(s, guard.ino)
      return sameNode(node, guard.is) ? undefined : node
    }
    case 'nodeLike': {
      const node = readNode(s, guard.ino)
      return node !== null && alike(node, guard.like) ? undefined : node
    }
    case 'edgeIs': {
      const edge = readEdge(s, guard.parent, guard.name)
      const same = edge?.ino === guard.is?.ino && edge?.type === guard.is?.type
      return same ? undefined : edge
    }
    case 'emptyDir':
      return s.row('anyEdge', inoToSql(guard.ino)) === undefined ? undefined : false
    case 'chunkIs': {
      const chunk = readChunk(s, guard.ino, guard.index)
      return sameValue(chunk, guard.is) ? undefined : chunk
    }
    case 'chunkStartsWith': {
      const chunk = readChunk(s, guard.ino, guard.index)
      return chunk !== null && startsWith(chunk, guard.prefix) ? undefined : chunk
    }
    case 'recordIs': {
      const value = readRecord(s, guard.key, legacySessions)
      return sameValue(value, guard.is) ? undefined : value
    }
    default:
      return guard satisfies never
  }
}

function sameValue(a: RecordValue, b: RecordValue): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  return isDeepStrictEqual(a, b)
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return bytes.length >= prefix.length && Buffer.compare(bytes.subarray(0, prefix.length), prefix) === 0
}
