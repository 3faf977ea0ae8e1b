/** Guards as steps of the commit script, and what its failures bring back. */
import { BackendError } from '#core/base/errno.ts'
import { inoText } from '#core/base/ino.ts'
import type { FailedGuard, Guard, ParentCount, RecordKey, RecordValue } from '#core/meta/engine.ts'
import type {
  AclRule,
  DelayedSlices,
  DirStat,
  Edge,
  FlockRecord,
  PlockRecord,
  Quota,
  SessionRecord,
  SliceRef,
} from '#core/meta/records.ts'
import { encodeAclRule, encodeDelayed, encodeEdge, encodePlocks } from '#core/meta/records-codec.ts'
import { SLICE_BYTES } from '#core/meta/slices.ts'
import { storedNode } from '#core/meta/stored-node.ts'
import { type Layout, ownerField } from './layout.ts'
import type { FetchOp } from './lua/fetch.ts'
import type { Program } from './program.ts'
import type { Reply } from './replies.ts'
import {
  decodeChunkValue,
  decodeEdgeValue,
  decodeNodeValue,
  decodeRecord,
  givenOut,
  hashOf,
  type ValueSink,
  valuesOf,
} from './stored.ts'
import { asBytes, asList, encodeLimits, integer } from './values.ts'
import type { Word } from './wire.ts'

const ABSENT = ''

/** @hot */
export function encodeGuard(program: Program, layout: Layout, guard: Guard): void {
  switch (guard.kind) {
    case 'nodeIs': {
      const { ino, is } = guard
      program.guardNode('=', ino, is === null ? ABSENT : storedNode(is), is !== null)
      return
    }
    case 'nodeLike':
      program.guardNode('~', guard.ino, storedNode(guard.like), true)
      return
    case 'edgeIs': {
      const value = guard.is === null ? ABSENT : encodeEdge(guard.is)
      program.guard('d', 0, layout.entries(guard.parent), guard.name, value)
      return
    }
    case 'emptyDir':
      program.guard('0', 0, layout.entries(guard.ino))
      return
    case 'chunkIs':
      guardValues(program, layout, { kind: 'chunk', ino: guard.ino, index: guard.index }, guard.is)
      return
    case 'chunkStartsWith': {
      const { ino, index, prefix } = guard
      program.guard('p', prefix.length / SLICE_BYTES, layout.chunk(ino, index), prefix)
      return
    }
    case 'recordIs':
      guardValues(program, layout, guard.key, guard.is)
      return
    default:
      guard satisfies never
  }
}

/** The guards that failed, from the script's reply after its 0. */
export function decodeFailures(guards: readonly Guard[], replies: readonly Reply[]): FailedGuard[] {
  const failed: FailedGuard[] = []
  for (let k = 1; k < replies.length; k += 2) {
    const guard = integer(replies[k]!, 'the number of a guard')
    failed.push({ guard, actual: decodeActual(guards[guard]!, replies[k + 1]!) })
  }
  return failed
}

function decodeActual(guard: Guard, value: Reply): FailedGuard['actual'] {
  switch (guard.kind) {
    case 'nodeIs':
    case 'nodeLike':
      return decodeNodeValue(value)
    case 'edgeIs':
      return decodeEdgeValue(value)
    case 'emptyDir':
      return false
    case 'chunkStartsWith':
      return decodeChunkValue(value)
    case 'chunkIs':
      return decodeChunkValue(asList(value)[0]!)
    case 'recordIs':
      return decodeRecord(guard.key, asList(value))
    default:
      return guard satisfies never
  }
}

/** How one stored value must compare (lua/commit.ts), and with what. */
type Comparison = readonly [how: '=' | '#' | 'h', ...expected: readonly Word[]] | readonly ['!' | '*']

function guardValues(program: Program, layout: Layout, key: RecordKey, is: RecordValue): void {
  const comparisons = is === null ? absent(key) : present(key, is)
  const steps: [fetch: string, compare: string][] = []
  const keys: string[] = []
  const args: Word[] = []
  const sink: ValueSink = {
    value(op: FetchOp | 'E', name, field) {
      const [how, ...expected] = comparisons[keys.length] ?? ['*']
      steps.push([op, how])
      keys.push(name)
      if (field !== undefined) args.push(field)
      args.push(...expected)
    },
  }
  valuesOf(layout, key, sink)
  program.guardValues(steps, keys, args)
}

/** Of a record of several values the first tells whether there is one. */
function absent(key: RecordKey): readonly Comparison[] {
  return key.kind === 'counter' && !key.name.startsWith('last') ? [['#', '0']] : [['!']]
}

function present(key: RecordKey, is: NonNullable<RecordValue>): readonly Comparison[] {
  switch (key.kind) {
    case 'chunk':
    case 'symlink':
    case 'xattr':
      return [['=', is as Uint8Array]]
    case 'edge':
      return [['=', encodeEdge(is as Edge)]]
    case 'acl':
      return [['=', encodeAclRule(is as AclRule)]]
    case 'flocks':
      return [sameHash(is, (is as readonly FlockRecord[]).map(flockPair))]
    case 'plocks':
      return [sameHash(is, (is as readonly PlockRecord[]).map(plockPair))]
    case 'parents':
      return [
        sameHash(
          is,
          (is as readonly ParentCount[]).map(({ parent, links }) => [inoText(parent), String(links)]),
        ),
      ]
    case 'session': {
      const { expire, info } = is as SessionRecord
      return [['=', String(expire)], info === '' ? ['!'] : ['=', Buffer.from(info)]]
    }
    case 'dirStat': {
      const { space, inodes, length } = is as DirStat
      return [
        ['=', String(space)],
        ['#', String(inodes)],
        ['#', String(length)],
      ]
    }
    case 'quota': {
      const { usedInodes, usedSpace, maxSpace, maxInodes } = is as Quota
      const limits = maxSpace <= 0 && maxInodes <= 0 ? (['*'] as const) : undefined
      return [
        ['=', String(usedInodes)],
        ['#', String(usedSpace)],
        limits ?? ['=', encodeLimits(maxSpace, maxInodes)],
      ]
    }
    case 'sliceRef':
      return [['#', String((is as SliceRef).uses - 1)]]
    case 'delayedSlices':
      return [['=', encodeDelayed((is as DelayedSlices).slices)]]
    case 'counter': {
      const text = String((is as number) - givenOut(key.name))
      return [key.name.startsWith('last') ? ['=', text] : ['#', text]]
    }
    case 'setting':
      return [['=', Buffer.from(is as string)]]
    case 'node':
    case 'entry':
      throw new BackendError('invalid', `a guard cannot compare a ${key.kind} by value`)
    default:
      return key satisfies never
  }
}

/** The hash as it was read, if it was: others may write the same record in other bytes. */
function sameHash(record: RecordValue, pairs: readonly (readonly [Word, Word])[]): Comparison {
  const read = hashOf(record as object)
  const words: readonly Word[] = read === undefined ? pairs.flat() : read.map(asBytes)
  return ['h', String(words.length / 2), ...words]
}

function flockPair({ sid, owner, type }: FlockRecord): readonly [Word, Word] {
  return [ownerField(sid, owner), type]
}

function plockPair({ sid, owner, ranges }: PlockRecord): readonly [Word, Word] {
  return [ownerField(sid, owner), encodePlocks(ranges)]
}
