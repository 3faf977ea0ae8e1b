/** Names of users and groups, from the files of this computer. Source: passwd(5), group(5). */
import { readFile } from 'node:fs/promises'

export async function ownerNames(
  uid: number,
  gid: number,
): Promise<{ readonly owner: string | null; readonly group: string | null }> {
  const [owner, group] = await Promise.all([nameIn('/etc/passwd', uid), nameIn('/etc/group', gid)])
  return { owner, group }
}

/** `name:x:id:…`. */
async function nameIn(file: string, id: number): Promise<string | null> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const line = text.split('\n').find((each) => each.split(':')[2] === String(id))
  return line?.split(':')[0] ?? null
}
