/** From inodes back to paths. The format keeps no names with nodes, so each directory above is searched. */
import { type Ino, inoText, ROOT_INO, TRASH_INO } from '#core/base/ino.ts'
import { type Name, nameToText } from '#core/base/name.ts'
import { TRASH_NAME } from '../names.ts'
import type { NodeRecord } from '../records.ts'
import type { MetaState } from '../state.ts'
import { pagesOf } from './walk.ts'

/** Deeper trees are taken for loops, which broken volumes have. */
const MAX_DEPTH = 10_000

/**
 * All paths of a node from the root the caller sees, one per hard link, as text for people (names that are not
 * UTF-8 lose bytes). Empty when it has no name, or none below that root.
 */
export async function paths(state: MetaState, ino: Ino): Promise<readonly string[]> {
  if (ino === state.rootIno) return ['/']
  const [node] = await state.engine.read([{ kind: 'node', ino }])
  if (node === null && ino !== TRASH_INO) return []
  const found: string[] = []
  for (const parent of await parentsOf(state, ino, node)) {
    const above = await directoryPath(state, parent)
    if (above === undefined) continue
    for (const name of await namesIn(state, parent, ino)) found.push(`${above}/${nameToText(name)}`)
  }
  return found
}

async function parentsOf(state: MetaState, ino: Ino, node: NodeRecord | null): Promise<Set<Ino>> {
  if (node === null || ino === TRASH_INO) return new Set([ROOT_INO])
  return new Set(await state.accounts.parentsOf(ino, node))
}

/** The path of a directory without a slash at its end, so the root's is empty; undefined when unreachable. */
async function directoryPath(state: MetaState, dir: Ino): Promise<string | undefined> {
  let path = ''
  let ino = dir
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    if (ino === state.rootIno) return path
    if (ino === ROOT_INO) return undefined
    const parent = ino === TRASH_INO ? ROOT_INO : await parentOf(state, ino)
    if (parent === undefined) return undefined
    const [name] = await namesIn(state, parent, ino)
    if (name === undefined) return undefined
    path = `/${nameToText(name)}${path}`
    ino = parent
  }
  state.log.warn('a directory lies below itself', { ino: inoText(dir) })
  return undefined
}

async function parentOf(state: MetaState, ino: Ino): Promise<Ino | undefined> {
  const [node] = await state.engine.read([{ kind: 'node', ino }])
  return node === null || node.parent === 0 ? undefined : node.parent
}

async function namesIn(state: MetaState, parent: Ino, ino: Ino): Promise<Name[]> {
  if (ino === TRASH_INO) return [TRASH_NAME]
  const names: Name[] = []
  for await (const page of pagesOf(state, { kind: 'edges', parent }, 4096))
    for (const edge of page) if (edge.ino === ino) names.push(edge.name)
  return names
}
