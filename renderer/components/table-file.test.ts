import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rowsOf, type Table, tableFile } from './table-file.ts'

interface Row {
  readonly path: string
  readonly bytes: number
}

function table(pages: number, rows: number, read = (_page: number): void => {}): Table<Row> {
  return {
    name: 'test',
    columns: { path: ({ path }) => path, bytes: ({ bytes }) => bytes },
    async *rows() {
      for (let page = 0; page < pages; page++) {
        read(page)
        yield Array.from({ length: rows }, (_, k) => ({ path: `/p${page}, "${k}"`, bytes: page * rows + k }))
      }
    },
  }
}
const { signal } = new AbortController()

test('both formats have every row, however many pages there are', async () => {
  const told: number[] = []
  const csv = await tableFile(table(60, 1000), 'csv', { signal, onRows: (done) => told.push(done) })
  const lines = (await csv.text()).split('\r\n')
  assert.equal(csv.type, 'text/csv')
  assert.deepEqual([lines[0], lines[1], lines.at(-1)], ['path,bytes', '"/p0, ""0""",0', ''])
  assert.equal(lines.length, 1 + 60_000 + 1)
  assert.deepEqual([told[0], told.at(-1)], [1000, 60_000])
  const json = JSON.parse(await (await tableFile(table(60, 1000), 'json', { signal })).text()) as Row[]
  assert.deepEqual([json.length, json[59_999]], [60_000, { path: '/p59, "999"', bytes: 59_999 }])
})

test('an empty table is a file all the same', async () => {
  const none = { ...table(0, 0), rows: () => rowsOf<Row>([]) }
  assert.equal(await (await tableFile(none, 'csv', { signal })).text(), 'path,bytes\r\n')
  assert.deepEqual(JSON.parse(await (await tableFile(none, 'json', { signal })).text()), [])
})

test('what is stopped reads no further', async () => {
  const stop = new AbortController()
  const read: number[] = []
  const ended = tableFile(
    table(100, 10, (page) => {
      read.push(page)
      if (page === 2) stop.abort()
    }),
    'csv',
    { signal: stop.signal },
  )
  await assert.rejects(ended, { name: 'AbortError' })
  assert.deepEqual(read, [0, 1, 2])
})

test('a page that cannot be read is an error, not a shorter file', async () => {
  const broken = table(3, 10, (page) => {
    if (page === 1) throw new Error('away')
  })
  await assert.rejects(tableFile(broken, 'json', { signal }), /away/)
})
