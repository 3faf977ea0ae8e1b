/** The head of an HTTP/1 answer, for answers whose body can be taken from the socket as it is. Source: RFC 9112. */

export interface AnswerHead {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Bytes of the body. */
  readonly length: number
  /** The connection may be used for another request after the body. */
  readonly keepsAlive: boolean
}

/**
 * Reads all lines of a head, without the empty one. Undefined unless the answer is plain: a status that has a body, whose
 * length is said once and which is not transformed on its way. What else HTTP knows is left to Node's parser.
 */
export function plainHead(text: string): AnswerHead | undefined {
  const [first, ...lines] = text.split('\r\n')
  const status = Number(/^HTTP\/1\.1 ([2-5]\d\d)(?: |$)/.exec(first!)?.[1])
  if (Number.isNaN(status) || status === 204 || status === 304) return undefined
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? []
    if (name === undefined || value === undefined) return undefined
    const key = name.toLowerCase()
    if (headers[key] !== undefined && (key === 'content-length' || key === 'connection')) return undefined
    headers[key] = headers[key] === undefined ? value : `${headers[key]}, ${value}`
  }
  const length = headers['content-length']
  if (length === undefined || !/^\d{1,15}$/.test(length)) return undefined
  if (headers['transfer-encoding'] !== undefined) return undefined
  const keepsAlive = headers.connection === undefined || headers.connection.toLowerCase() === 'keep-alive'
  return { status, headers, length: Number(length), keepsAlive }
}
