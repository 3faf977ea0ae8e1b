/** Addresses and texts without their secrets, for every message, log line, title and listing. */

const SECRET_PARAMETERS = /([?&](?:password|passwd|secret|token|access[-_]?key|secret[-_]?key)=)[^&\s]*/gi

/** A URL with its password (and secret query parameters) as `****`. Works on text that is no valid URL too. */
export function redactUrl(url: string): string {
  return url
    .replace(/^([a-z][a-z0-9+.-]*:\/\/[^/?#@:]*):(.*)@/is, (_, head: string) => `${head}:****@`)
    .replace(SECRET_PARAMETERS, '$1****')
}

/** The same for URLs anywhere in a text, such as an error a driver made. */
export function redactText(text: string): string {
  return text
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/[^\s/?#@:]*):[^\s]*@/gi, '$1:****@')
    .replace(SECRET_PARAMETERS, '$1****')
}
