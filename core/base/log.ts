/** Log lines: one line each, level first, never a secret (callers pass redacted text). */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface Log {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

const ORDER: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** A log that writes lines with `write` from `level` upwards. */
export function lineLog(write: (line: string) => void, level: LogLevel = 'info'): Log {
  const least = ORDER.indexOf(level)
  const at = (own: LogLevel) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
    if (ORDER.indexOf(own) < least) return
    const tail = fields === undefined ? '' : ` ${Object.entries(fields).map(formatField).join(' ')}`
    write(`${new Date().toISOString()} ${own} ${message.replaceAll('\n', '\\n')}${tail}`)
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

function formatField([key, value]: [string, unknown]): string {
  const text =
    value instanceof Error ? value.message : typeof value === 'string' ? value : JSON.stringify(value)
  return `${key}=${/[\s"]/.test(text ?? '') ? JSON.stringify(text) : text}`
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
