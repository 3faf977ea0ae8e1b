/** The suites of one client once more, behind a record cache that is trusted as when nobody else is there. */
process.env.POMELO_TEST_CACHE = 'current'
for (const suite of ['model', 'tree', 'rename', 'create', 'removal']) await import(`./${suite}.test.ts`)
