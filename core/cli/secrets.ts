/** Secrets for a command: from the environment, a file, or a prompt. */
import { readFile } from 'node:fs/promises'
import { Refusal } from '#core/base/refusal.ts'

/** The first line of a secret file; undefined when no file is named. */
export async function secretFromFile(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  const text = await readFile(path, 'utf8')
  const secret = text.split('\n')[0]!.trimEnd()
  if (secret === '') throw new Refusal(`${path} is empty: it should hold the secret key`)
  return secret
}
