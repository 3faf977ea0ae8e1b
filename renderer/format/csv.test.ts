import assert from 'node:assert/strict'
import { test } from 'node:test'
import { csvLine } from './csv.ts'

test('fields are quoted where they must be, and only there', () => {
  assert.equal(
    csvLine(['/a b.jpg', 'a,b', 'say "yes"', 'two\nlines', '']),
    '/a b.jpg,"a,b","say ""yes""","two\nlines",\r\n',
  )
  assert.equal(csvLine([12, -3, 0.5, true, null, undefined]), '12,-3,0.5,true,,\r\n')
})

test('text that a spreadsheet would run is text', () => {
  for (const start of ['=', '+', '-', '@', '\t', '＝', '＠'])
    assert.equal(csvLine([`${start}cmd|' /C calc'!A0`]), `'${start}cmd|' /C calc'!A0\r\n`)
  assert.equal(csvLine(['=HYPERLINK("x","y")']), `"'=HYPERLINK(""x"",""y"")"\r\n`)
  assert.equal(csvLine(['\r=1']), `"'\r=1"\r\n`)
})
