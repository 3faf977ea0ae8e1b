/** Attribution against a simulated server whose ticks, answers and messages are known; the real one is in tracking.test.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { below, type Random, seededRandom } from '#core/base/random.ts'
import type { ChangedScope } from '#core/meta/engine.ts'
import { Echoes } from './echoes.ts'
import type { CommitOutcome } from './place.ts'
import { scopeOf } from './scopes.ts'

const scopesOf = (keys: readonly string[]): ChangedScope[] =>
  keys.map((key) => scopeOf(Buffer.from(key), Buffer.alloc(0))!)

function hear(echoes: Echoes, keys: string, nowMs = 0): 'own' | 'foreign' {
  const list = keys.split(' ')
  return echoes.heard(list, scopesOf(list), nowMs)
}

test('a commit of ours is ours, before and after its answer, alone and with others in a tick', () => {
  const echoes = new Echoes('')
  const [a, b, c] = [
    ['i1', 'd1', 'i7', 'usedSpace'],
    ['i1', 'd1', 'i8', 'x8'],
    ['c9_0', 'i9'],
  ]
  for (const keys of [a, b, c]) echoes.sent(keys)
  assert.equal(hear(echoes, 'd1 i1 i7'), 'own')
  echoes.settled(a, 'applied', 0)
  echoes.settled(b, 'applied', 0)
  assert.equal(hear(echoes, 'c9_0 d1 i1 i8 i9'), 'own')
  assert.equal(echoes.settled(c, 'applied', 0), undefined)
  assert.equal(echoes.size, 0)
})

test('a key too many makes the whole message foreign', () => {
  const echoes = new Echoes('')
  const own = ['i1', 'd1', 'i7']
  echoes.sent(own)
  assert.equal(hear(echoes, 'd1 i1 i7 i8'), 'foreign')
  assert.equal(echoes.settled(own, 'applied', 0), undefined)
  assert.equal(hear(echoes, 'i1'), 'foreign')
})

test('part of what a commit writes is not its echo', () => {
  const echoes = new Echoes('')
  const own = ['i1', 'd1', 'i7']
  echoes.sent(own)
  assert.equal(hear(echoes, 'i1'), 'foreign')
  assert.equal(hear(echoes, 'd1 i1 i7'), 'own')
})

test('a refused commit gives back what it seemed to explain', () => {
  const echoes = new Echoes('')
  const own = ['i5']
  echoes.sent(own)
  assert.equal(hear(echoes, 'i5'), 'own')
  assert.deepEqual(echoes.settled(own, 'refused', 0), [{ kind: 'node', ino: 5 }])
  const lost = ['i6']
  echoes.sent(lost)
  assert.equal(hear(echoes, 'i6'), 'own')
  assert.deepEqual(echoes.settled(lost, 'lost', 0), [{ kind: 'node', ino: 6 }])
})

test('an echo that never comes does not explain later changes for ever', () => {
  const echoes = new Echoes('')
  const own = ['i5']
  echoes.sent(own)
  echoes.settled(own, 'applied', 1_000)
  assert.equal(hear(echoes, 'i5', 3_500), 'foreign')
  assert.equal(echoes.size, 0)
})

test('what is awaited is bounded', () => {
  const echoes = new Echoes('')
  for (let k = 0; k < 10_000; k++) echoes.sent([`i${k}`])
  assert.ok(echoes.size <= 4096)
  assert.equal(hear(echoes, 'i3'), 'foreign')
  assert.equal(hear(echoes, 'i9999'), 'own')
})

interface Sent {
  readonly keys: readonly string[]
  /** Refused when this key has changed since it was sent. */
  readonly guard: { readonly key: string; readonly version: number } | undefined
  /** The client's number of events when it was sent. */
  readonly began: number
}

type Push = {
  readonly message: readonly string[]
  readonly own: ReadonlySet<string>
  readonly others: ReadonlySet<string>
}
type Delivery = Push | { readonly answer: Sent; readonly version?: number }

/**
 * A server that works in ticks, and a client that trusts what its own commits wrote until it hears of a foreign change.
 * Returns what the client trusts wrongly in the end.
 */
function simulate(random: Random): string[] {
  const echoes = new Echoes('')
  const trusted = new Map<string, number>()
  const heardForeign = new Map<string, number>()
  const stored = new Map<string, number>()
  const folded = new Set<string>()
  const channels: { pushes: Delivery[]; answers: Delivery[] } = { pushes: [], answers: [] }
  const queue: Sent[] = []
  const underWay = new Set<Sent>()
  let version = 0
  let event = 0
  const pick = (): string[] => {
    const [n, m] = [below(random, 4), below(random, 4)]
    const shapes = [
      [`i${n}`],
      [`i${n}`, `d${n}`, `i${9 + m}`],
      [`i${n}`, `c${n}_0`],
      [`i${n}`, `i${m}`, `d${m}`],
      [`x${n}`],
    ]
    return [...new Set(shapes[below(random, shapes.length)])]
  }
  const foreign = (keys: readonly string[]): void => {
    event++
    for (const key of keys) {
      trusted.delete(key)
      heardForeign.set(key, event)
    }
  }
  const tick = (): void => {
    const [own, others] = [new Set<string>(), new Set<string>()]
    version++
    for (let work = 1 + below(random, 3); work > 0; work--) {
      if (queue.length > 0 && random.next() < 0.6) {
        const commit = queue.shift()!
        const { guard } = commit
        if (guard !== undefined && (stored.get(guard.key) ?? 0) !== guard.version) {
          channels.answers.push({ answer: commit })
          continue
        }
        version++
        for (const key of commit.keys) {
          own.add(key)
          stored.set(key, version)
        }
        channels.answers.push({ answer: commit, version })
      } else if (random.next() < 0.4) {
        version++
        for (const key of pick()) {
          others.add(key)
          stored.set(key, version)
        }
      }
    }
    const message = [...new Set([...own, ...others])].sort()
    if (message.length > 0) channels.pushes.push({ message, own, others })
  }
  /** The mistake that keys cannot show: others wrote, in the tick of one of ours, only what ours under way may write. */
  const excuse = ({ message, own, others }: Push): void => {
    const ours = new Set([...own, ...[...underWay].flatMap(({ keys }) => keys)])
    for (const key of message) folded.delete(key)
    if (![...others].every((key) => ours.has(key))) return
    for (const key of others) if (own.has(key)) folded.add(key)
  }
  const deliver = (): void => {
    const channel = random.next() < 0.5 ? channels.pushes : channels.answers
    const delivery = channel.shift()
    if (delivery === undefined) return
    if ('message' in delivery) {
      excuse(delivery)
      if (echoes.heard(delivery.message, scopesOf(delivery.message), 0) === 'foreign')
        foreign(delivery.message)
      return
    }
    const { answer, version: wrote } = delivery
    underWay.delete(answer)
    const outcome: CommitOutcome = wrote === undefined ? 'refused' : 'applied'
    const doubtful = echoes.settled(answer.keys, outcome, 0)
    if (doubtful !== undefined) foreign(doubtful.map(keyOf))
    if (wrote === undefined) return
    event++
    for (const key of answer.keys)
      if ((heardForeign.get(key) ?? -1) < answer.began) trusted.set(key, wrote)
      else trusted.delete(key)
  }
  for (let step = 0; step < 200; step++) {
    const roll = random.next()
    if (roll < 0.3 && queue.length < 5) {
      const keys = pick()
      const guarded = random.next() < 0.6 ? keys[0]! : undefined
      const guard = guarded === undefined ? undefined : { key: guarded, version: stored.get(guarded) ?? 0 }
      const commit = { keys, guard, began: event }
      echoes.sent(keys)
      queue.push(commit)
      underWay.add(commit)
    } else if (roll < 0.55) tick()
    else deliver()
  }
  while (queue.length > 0) tick()
  while (channels.pushes.length + channels.answers.length > 0) deliver()
  return [...trusted]
    .filter(([key, value]) => stored.get(key) !== value && !folded.has(key))
    .map(([key]) => key)
}

function keyOf(scope: ChangedScope): string {
  switch (scope.kind) {
    case 'node':
      return `i${scope.ino}`
    case 'entries':
      return `d${scope.parent}`
    case 'chunk':
      return `c${scope.ino}_${scope.index}`
    case 'xattrs':
      return `x${scope.ino}`
    case 'symlink':
      return `s${scope.ino}`
    case 'setting':
      return 'setting'
    default:
      return scope satisfies never
  }
}

test('in a thousand random races no change by others is left to be taken for ours', () => {
  for (let seed = 1; seed <= 1_000; seed++) {
    const wrong = simulate(seededRandom(seed))
    assert.deepEqual(wrong, [], `seed ${seed}`)
  }
})
