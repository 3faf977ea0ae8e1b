/** A table of any length as a file. Rows come a page at a time, and what was written is the browser's to keep, on disk. */
import { type CsvValue, csvLine } from '../format/csv.ts'

export const TABLE_FORMATS = { csv: 'text/csv', json: 'application/json' } as const
export type TableFormat = keyof typeof TABLE_FORMATS

export interface Table<T> {
  /** Of the file, without its ending. */
  readonly name: string
  /** Of the CSV, by their titles. The JSON has the rows as they are. */
  readonly columns: Readonly<Record<string, (row: T) => CsvValue>>
  /** All of them, not only those on screen; ends early when `signal` does. */
  rows(signal: AbortSignal): AsyncIterable<readonly T[]>
  /** How many there will be, where that is known. */
  readonly total?: number | undefined
}

interface Options {
  readonly signal: AbortSignal
  /** So many are written. */
  readonly onRows?: (done: number) => void
}

/** Text held before it is handed over, in UTF-16 units. */
const PIECE = 1 << 20
/** The page is not kept from drawing for longer. */
const TURN_MS = 12

/** The rows of a table that is already here. */
export async function* rowsOf<T>(rows: readonly T[]): AsyncGenerator<readonly T[]> {
  yield rows
}

/** Errors: those of reading the rows; AbortError when `signal` ended it. */
export async function tableFile<T>(
  { columns, rows }: Table<T>,
  format: TableFormat,
  { signal, onRows }: Options,
): Promise<Blob> {
  const write = format === 'csv' ? csvWriter(columns) : jsonWriter()
  const pieces: Blob[] = []
  let text = write.begin
  let done = 0
  let began = performance.now()
  for await (const page of rows(signal)) {
    signal.throwIfAborted()
    for (const row of page) {
      text += write.row(row, done++)
      if (text.length < PIECE) continue
      pieces.push(new Blob([text]))
      text = ''
    }
    onRows?.(done)
    if (performance.now() - began < TURN_MS) continue
    await new Promise((resolve) => setTimeout(resolve))
    began = performance.now()
  }
  signal.throwIfAborted()
  return new Blob([...pieces, text, write.end], { type: TABLE_FORMATS[format] })
}

interface RowWriter<T> {
  readonly begin: string
  readonly end: string
  row(row: T, nth: number): string
}

function csvWriter<T>(columns: Table<T>['columns']): RowWriter<T> {
  const values = Object.values(columns)
  return {
    begin: csvLine(Object.keys(columns)),
    end: '',
    row: (row) => csvLine(values.map((value) => value(row))),
  }
}

/** An array with a row on each line. */
function jsonWriter<T>(): RowWriter<T> {
  return { begin: '[', end: '\n]\n', row: (row, nth) => `${nth === 0 ? '\n' : ',\n'}${JSON.stringify(row)}` }
}

/** For columns: a time as spreadsheets and programs read it, in UTC. */
export function isoTime(atMs: number): string {
  return new Date(atMs).toISOString()
}
