/** Rows of a CSV file (RFC 4180). */

export type CsvValue = string | number | boolean | null | undefined

/** What a spreadsheet takes for the beginning of a formula. Source: OWASP, "CSV injection". */
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/

/**
 * One record with its line end. Text that a spreadsheet would run as a formula gets an apostrophe before it: names of
 * files and programs are other people's. Null and undefined are empty.
 */
export function csvLine(values: readonly CsvValue[]): string {
  return `${values.map(field).join(',')}\r\n`
}

function field(value: CsvValue): string {
  if (value === null || value === undefined) return ''
  if (typeof value !== 'string') return String(value)
  const text = FORMULA.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
