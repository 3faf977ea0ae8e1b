import assert from 'node:assert/strict'
import { test } from 'node:test'
import { below, seededRandom } from '#core/base/random.ts'
import type { SliceRecord } from '#core/meta/records.ts'
import { decodeShown, encodeShown, partsOf } from './chunk-parts.ts'

const LENGTH = 60

test('of each record exactly what no newer one covers is shown, whatever repeats', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seededRandom(seed)
    const records: SliceRecord[] = Array.from({ length: 1 + below(random, 12) }, () => {
      const pos = below(random, LENGTH)
      const len = 1 + below(random, LENGTH - pos)
      const off = below(random, 20)
      // Few ids, so that a slice is named again and again, also at the same place.
      return { pos, id: below(random, 4), size: off + len, off, len }
    })
    const top = new Array<number>(LENGTH).fill(-1)
    for (const [nth, { pos, len }] of records.entries()) top.fill(nth, pos, pos + len)
    for (const part of partsOf(records)) {
      const wanted = top.flatMap((nth, at) => (nth === part.nth ? [at - part.pos + part.off] : []))
      const shown = part.shown.flatMap(({ start, end }) =>
        Array.from({ length: end - start }, (_, k) => start + k),
      )
      assert.deepEqual(shown, wanted, `seed ${seed}, record ${part.nth} of ${JSON.stringify(records)}`)
      const again = decodeShown(part.off, part.len, encodeShown(part))
      assert.deepEqual(again, part.shown)
    }
    assert.deepEqual(
      partsOf(records).map(({ nth }) => nth),
      records.flatMap(({ id }, nth) => (id === 0 ? [] : [nth])),
    )
  }
})
