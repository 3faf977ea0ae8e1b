/** The suites of operations over a private cluster, a prefix for each volume. */
import { after, test } from 'node:test'
import { startTikv, tikvMissing } from '../../../../e2e/harness/tikv.ts'

const SUITES = [
  ...['races', 'model', 'rename', 'removal', 'guards', 'create', 'locks', 'chunks', 'compaction'].map(
    (suite) => `ops/${suite}`,
  ),
  'deletions',
  'sessions',
  'accounts',
]
const MORE = ['xattr', 'truncate', 'copy-file-range', 'tree', 'touch-atime', 'getattr', 'setattr'].map(
  (suite) => `ops/${suite}`,
)
const isLong = process.env.POMELO_TEST_LONG === '1'

const missing = tikvMissing()
if (missing !== undefined) test('operations on tikv', { skip: missing }, () => {})
else {
  const server = await startTikv()
  process.env.POMELO_TEST_META = server.url('volume{n}')
  for (const suite of [...SUITES, ...(isLong ? MORE : [])]) await import(`../../${suite}.test.ts`)
  after(() => server.stop()) // behind what the suites do at their end
}
