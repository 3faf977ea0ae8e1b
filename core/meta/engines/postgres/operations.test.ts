/** The suites of operations over a private server, tables of its own for each volume. */
import { after, test } from 'node:test'
import { isLong } from '../../../../e2e/harness/engines.ts'
import { postgresMissing, startPostgres } from '../../../../e2e/harness/postgres.ts'

const SUITES = ['ops/races', 'ops/guards', 'ops/rename', 'ops/removal', 'ops/chunks', 'ops/locks', 'accounts']
const MORE = [
  ...[
    'create',
    'xattr',
    'truncate',
    'copy-file-range',
    'compaction',
    'tree',
    'touch-atime',
    'getattr',
    'setattr',
  ].map((suite) => `ops/${suite}`),
  ...['trash', 'sessions', 'slices', 'acls', 'deletions'],
]

const missing = postgresMissing()
if (missing !== undefined) test('operations on PostgreSQL', { skip: missing }, () => {})
else {
  // What they test is not the disk; each volume has two dozen tables.
  const server = await startPostgres({ config: { fsync: 'off', max_locks_per_transaction: '256' } })
  process.env.POMELO_TEST_META = `${await server.createDatabase('volumes')}&table_prefix=t{n}`
  for (const suite of [...SUITES, ...(isLong ? MORE : [])]) await import(`../../${suite}.test.ts`)
  after(() => server.stop()) // behind what the suites do at their end
}
