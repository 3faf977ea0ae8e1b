/**
 * What every metadata engine must do, by the kind of record (engine-suite/). Call `engineSuite` from a test file of the
 * engine.
 */
import { test } from 'node:test'
import { attributeTests } from './engine-suite/attributes.suite.ts'
import { chunkTests } from './engine-suite/chunks.suite.ts'
import { counterTests } from './engine-suite/counters.suite.ts'
import { guardTests } from './engine-suite/guards.suite.ts'
import { nameTests } from './engine-suite/names.suite.ts'
import { nodeTests } from './engine-suite/nodes.suite.ts'
import { placeTests } from './engine-suite/places.suite.ts'
import { sessionTests } from './engine-suite/sessions.suite.ts'
import { sharedTests } from './engine-suite/sharing.suite.ts'
import type { Suite, SuiteOptions } from './engine-suite/tools.suite.ts'

export function engineSuite(name: string, options: SuiteOptions): void {
  const suite: Suite = (title, work) => {
    test(`${name}: ${title}`, async (t) => {
      const place = await options.place(t)
      const engine = await place.open()
      t.after(() => engine.close())
      await engine.initialize()
      await work(engine, t)
    })
  }
  nodeTests(suite, options)
  nameTests(suite)
  attributeTests(suite, options)
  chunkTests(suite, options)
  sessionTests(suite)
  counterTests(suite)
  guardTests(suite)
  placeTests(name, options)
  if (options.shared) sharedTests(name, options)
}
