/**
 * Whether a history of reads and writes of one register could have happened in some order, each operation at one moment
 * between its call and its return: what close-to-open promises, with open to close of a file as the operation.
 *
 * Every write has a value of its own, so each value has a zone: from the first return among the operations that wrote or
 * saw it to the last call among them. A zone that runs forward is a time at which the register certainly had the value.
 * The history is good when no two forward zones overlap, and no backward zone lies within a forward one.
 * Source: P. Gibbons, E. Korach, Testing Shared Memories, SIAM J. Comput. 26 (1997), for values written once.
 */

/** Times are of one clock, in any unit. */
export interface Operation {
  readonly who: string
  readonly kind: 'read' | 'write'
  readonly value: string
  readonly from: number
  /** Infinity for a write that failed: it may happen at any time, or never. */
  readonly to: number
}

interface Zone {
  readonly write: Operation
  readonly first: Operation
  readonly last: Operation
}

/** The first thing that is impossible, in words; undefined when nothing is. `initial`: what it held before. */
export function impossible(history: readonly Operation[], initial: string): string | undefined {
  const before = Number.NEGATIVE_INFINITY
  const start: Operation = { who: 'nobody', kind: 'write', value: initial, from: before, to: before }
  const writes = new Map<string, Operation>([[initial, start]])
  for (const operation of history) if (operation.kind === 'write') writes.set(operation.value, operation)
  const zones = new Map<string, Zone>()
  for (const operation of history) {
    const write = writes.get(operation.value)
    if (write === undefined) return `${told(operation)}: nobody ever wrote that`
    if (operation.to < write.from) return `${told(operation)} before ${told(write)}`
    if (operation === write && write.to === Number.POSITIVE_INFINITY) continue
    const { first = write, last = write } = zones.get(operation.value) ?? {}
    zones.set(operation.value, {
      write,
      first: operation.to < first.to ? operation : first,
      last: operation.from > last.from ? operation : last,
    })
  }
  return conflict([...zones.values()])
}

function conflict(zones: readonly Zone[]): string | undefined {
  const forward = zones.filter(({ first, last }) => first.to < last.from)
  forward.sort((a, b) => a.first.to - b.first.to)
  for (const [k, zone] of forward.entries()) {
    const next = forward[k + 1]
    if (next !== undefined && next.first.to < zone.last.from)
      return `${story(zone.first, next.first, zone.last)}; ${told(zone.write)}; ${told(next.write)}`
  }
  for (const { first, last, write } of zones)
    if (first.to >= last.from)
      for (const around of forward)
        if (around.first.to < last.from && first.to < around.last.from)
          return `${story(around.first, first, around.last)}; ${told(around.write)}; ${told(write)}`
  return undefined
}

function story(first: Operation, then: Operation, again: Operation): string {
  return `${told(first)}, then ${told(then)}, then again ${told(again)}`
}

function told({ who, kind, value, from, to }: Operation): string {
  return `${who} ${kind === 'read' ? 'saw' : 'wrote'} ${value} [${from}, ${to}]`
}
