/** Proving that a recovery key was saved: four of its characters, at places nobody knows before. */

const ASKED = 4

/** Places in the key without its hyphens, from 1, rising. `random` gives 0 to 1. */
export function placesToAsk(recoveryKey: string, random: () => number): readonly number[] {
  const length = plain(recoveryKey).length
  const places = new Set<number>()
  while (places.size < Math.min(ASKED, length)) places.add(1 + Math.floor(random() * length))
  return [...places].sort((a, b) => a - b)
}

export function isProven(recoveryKey: string, places: readonly number[], answer: string): boolean {
  const key = plain(recoveryKey)
  const expected = places.map((place) => key[place - 1]).join('')
  return expected !== '' && plain(answer) === expected
}

/** `3, 11, 18 and 29`. */
export function listed(places: readonly number[]): string {
  return places.length < 2 ? places.join('') : `${places.slice(0, -1).join(', ')} and ${places.at(-1)}`
}

function plain(text: string): string {
  return text.replace(/[\s,-]/g, '').toUpperCase()
}
