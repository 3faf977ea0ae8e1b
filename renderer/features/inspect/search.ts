/** What is typed to find something in the bucket: a key, a slice, or a file. */

/** Its place in the inspector; undefined for what is none of these. */
export function placeOfSearch(text: string): string | undefined {
  const typed = text.trim()
  const slice = /^(\d{1,16})(?:_\d+_\d+)?$/.exec(typed)?.[1]
  if (slice !== undefined) return `/bucket/slice/${Number(slice)}`
  const key = /(?:^|\/)(chunks\/[^/]+\/[^/]+\/\d+_\d+_\d+)$/.exec(typed)?.[1]
  if (key !== undefined) return `/bucket/${key}`
  return typed.startsWith('/') && typed.length > 1 ? `/file${typed}` : undefined
}
