/** Names of users and groups, from the files of this computer. Source: passwd(5), group(5). */
import { readFile } from 'node:fs/promises'
import { Refusal } from '#core/base/refusal.ts'

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

/** What chown(1) takes: a name of this computer, or a number. Refusal for neither. */
export async function ownerIds(names: {
  readonly owner?: string
  readonly group?: string
}): Promise<{ readonly uid?: number; readonly gid?: number }> {
  const [uid, gid] = await Promise.all([
    idIn('/etc/passwd', 'user', names.owner),
    idIn('/etc/group', 'group', names.group),
  ])
  return { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) }
}

async function idIn(file: string, what: string, name: string | undefined): Promise<number | undefined> {
  if (name === undefined) return undefined
  if (/^\d+$/.test(name) && Number(name) < 2 ** 32 - 1) return Number(name)
  const text = await readFile(file, 'utf8').catch(() => '')
  const line = text.split('\n').find((each) => each.split(':')[0] === name)
  if (line !== undefined) return Number(line.split(':')[2])
  throw new Refusal(`this computer knows no ${what} “${name}”`, 'give the number instead')
}
