/** The suites of operations over a private etcd, a prefix for each volume; in a short run those that meet etcd's limits. */
import { after, test } from 'node:test'
import { etcdMissing, startEtcd } from '../../../../e2e/harness/etcd.ts'

const SUITES = ['ops/races', 'ops/guards', 'ops/tree', 'ops/compaction', 'deletions', 'sessions']
const MORE = [
  ...['model', 'rename', 'removal', 'create', 'locks', 'chunks', 'xattr', 'truncate', 'copy-file-range'].map(
    (suite) => `ops/${suite}`,
  ),
  'ops/touch-atime',
  'ops/getattr',
  'ops/setattr',
  'accounts',
]
const isLong = process.env.POMELO_TEST_LONG === '1'

const missing = etcdMissing()
if (missing !== undefined) test('operations on etcd', { skip: missing }, () => {})
else {
  const server = await startEtcd()
  process.env.POMELO_TEST_META = server.url('volume{n}')
  for (const suite of [...SUITES, ...(isLong ? MORE : [])]) await import(`../../${suite}.test.ts`)
  after(() => server.stop()) // behind what the suites do at their end
}
