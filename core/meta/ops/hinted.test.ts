/** The suites of operations once more, every client behind a record cache that only ever gives hints. */
process.env.POMELO_TEST_CACHE = 'hint'
for (const suite of ['races', 'model', 'rename', 'removal', 'guards', 'create', 'locks'])
  await import(`./${suite}.test.ts`)
