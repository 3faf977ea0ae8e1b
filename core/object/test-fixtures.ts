/** Where the golden volumes lie; tests that need one skip by name when it is absent. */
import { join } from 'node:path'

export const fixturesDir =
  process.env.POMELO_FIXTURES ?? join(import.meta.dirname, '..', '..', '..', 'shared', 'fixtures')
