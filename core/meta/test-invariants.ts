/**
 * For tests: what must hold in every volume at rest, recounted from nodes and entries alone. Returns what is
 * wrong, empty when all is well. Source: shared/spec/meta-records.md §2.5, 2.6, 4, 15.
 */
import { type Ino, inoText, isTrash, ROOT_INO, TRASH_INO } from '#core/base/ino.ts'
import type { ListTypes, MetaEngine } from './engine.ts'
import { pagesOf } from './ops/walk.ts'
import { type NodeRecord, spaceOf, TYPE_DIRECTORY, TYPE_FILE } from './records.ts'

interface Volume {
  readonly engine: MetaEngine
  readonly nodes: ReadonlyMap<Ino, NodeRecord>
  readonly children: ReadonlyMap<Ino, readonly ListTypes['allEdges'][]>
  readonly links: ReadonlyMap<Ino, readonly Ino[]>
}

export async function problemsOf(engine: MetaEngine): Promise<readonly string[]> {
  const volume = await load(engine)
  return [
    ...checkEntries(volume),
    ...checkLinks(volume),
    ...checkReach(volume),
    ...(await checkTotals(volume)),
    ...(await checkOwners(volume)),
    ...(await checkStats(volume)),
    ...(await checkQuotas(volume)),
  ]
}

async function load(engine: MetaEngine): Promise<Volume> {
  const nodes = new Map<Ino, NodeRecord>()
  const children = new Map<Ino, ListTypes['allEdges'][]>()
  const links = new Map<Ino, Ino[]>()
  for await (const page of pagesOf({ engine }, { kind: 'allNodes' }))
    for (const { ino, node } of page) nodes.set(ino, node)
  for await (const page of pagesOf({ engine }, { kind: 'allEdges' }))
    for (const edge of page) {
      children.set(edge.parent, [...(children.get(edge.parent) ?? []), edge])
      links.set(edge.ino, [...(links.get(edge.ino) ?? []), edge.parent])
    }
  return { engine, nodes, children, links }
}

function* checkEntries({ nodes, children }: Volume): Generator<string> {
  for (const [parent, edges] of children) {
    const dir = nodes.get(parent)
    if (dir?.type !== TYPE_DIRECTORY) yield `entries in ${inoText(parent)}, which is no directory`
    for (const { ino, type, name } of edges)
      if (nodes.get(ino)?.type !== type) yield `entry ${inoText(parent)}/${name} is not what it says`
  }
}

function* checkLinks({ nodes, children, links }: Volume): Generator<string> {
  for (const [ino, node] of nodes) {
    if (isRoot(ino)) continue
    const parents = links.get(ino) ?? []
    const subdirectories = (children.get(ino) ?? []).filter(({ type }) => type === TYPE_DIRECTORY).length
    const expected = node.type !== TYPE_DIRECTORY ? parents.length : 2 + (isTrash(ino) ? 0 : subdirectories)
    if (node.nlink !== expected) yield `${inoText(ino)} has nlink ${node.nlink}, not ${expected}`
    if (node.type === TYPE_DIRECTORY && parents.length !== 1)
      yield `directory ${inoText(ino)} has ${parents.length} entries`
    if (node.parent !== 0 && parents.length > 0 && !parents.includes(node.parent))
      yield `${inoText(ino)} is not in its parent ${inoText(node.parent)}`
    if (node.parent !== 0 && parents.length > 1) yield `${inoText(ino)} has links and a parent`
  }
  const top = (children.get(ROOT_INO) ?? []).filter(({ type }) => type === TYPE_DIRECTORY).length
  if (nodes.get(ROOT_INO)?.nlink !== 2 + top)
    yield `root has nlink ${nodes.get(ROOT_INO)?.nlink}, not ${2 + top}`
}

/** Every directory leads up to the root: no detached loop. */
function* checkReach({ nodes }: Volume): Generator<string> {
  for (const [ino, node] of nodes) {
    if (node.type !== TYPE_DIRECTORY) continue
    let at = ino
    for (let depth = 0; !isRoot(at); depth++) {
      const parent = nodes.get(at)?.parent
      if (parent === undefined || depth > nodes.size) {
        yield `directory ${inoText(ino)} does not lead to the root`
        break
      }
      at = parent
    }
  }
}

async function checkTotals({ engine, nodes }: Volume): Promise<string[]> {
  const [space, inodes] = await engine.read([
    { kind: 'counter', name: 'usedSpace' },
    { kind: 'counter', name: 'totalInodes' },
  ])
  const counted = [...nodes].filter(([ino]) => !isRoot(ino)).map(([, node]) => node)
  const expected = counted.reduce((sum, node) => sum + spaceOf(node), 0)
  const out: string[] = []
  if (space !== expected) out.push(`usedSpace is ${space}, not ${expected}`)
  if (inodes !== counted.length) out.push(`totalInodes is ${inodes}, not ${counted.length}`)
  return out
}

async function checkOwners({ engine, nodes }: Volume): Promise<string[]> {
  const out: string[] = []
  for (const [of, field] of [
    ['user', 'uid'],
    ['group', 'gid'],
  ] as const) {
    const expected = new Map<number, { space: number; inodes: number }>()
    for (const [ino, node] of nodes) {
      if (isRoot(ino)) continue
      const sum = expected.get(node[field]) ?? { space: 0, inodes: 0 }
      expected.set(node[field], { space: sum.space + spaceOf(node), inodes: sum.inodes + 1 })
    }
    for await (const page of pagesOf({ engine }, { kind: 'quotas', of }))
      for (const { id, usedSpace, usedInodes } of page) {
        const { space, inodes } = expected.get(id) ?? { space: 0, inodes: 0 }
        if (usedSpace !== space || usedInodes !== inodes)
          out.push(`${of} ${id} uses ${usedSpace}/${usedInodes}, not ${space}/${inodes}`)
        expected.delete(id)
      }
    for (const [id, { space }] of expected) if (space > 0) out.push(`${of} ${id} has no usage record`)
  }
  return out
}

/** Records that exist are right; missing ones are counted anew when somebody wants them. */
async function checkStats({ engine, nodes, children }: Volume): Promise<string[]> {
  const out: string[] = []
  for (const [ino, node] of nodes) {
    const [stat] = await engine.read([{ kind: 'dirStat', ino }])
    if (stat === null) continue
    if (node.type !== TYPE_DIRECTORY) {
      out.push(`${inoText(ino)} has directory statistics`)
      continue
    }
    const expected = { length: 0, space: 0, inodes: 0 }
    for (const edge of children.get(ino) ?? []) {
      const child = nodes.get(edge.ino)
      if (child?.type === TYPE_FILE) expected.length += child.length
      expected.space += child === undefined ? 4096 : spaceOf(child)
      expected.inodes++
    }
    const { length, space, inodes } = stat
    if (length !== expected.length || space !== expected.space || inodes !== expected.inodes)
      out.push(`statistics of ${inoText(ino)}: ${JSON.stringify(stat)}, not ${JSON.stringify(expected)}`)
  }
  return out
}

async function checkQuotas(volume: Volume): Promise<string[]> {
  const out: string[] = []
  for await (const page of pagesOf(volume, { kind: 'quotas', of: 'dir' }))
    for (const { id, usedSpace, usedInodes } of page) {
      if (!volume.nodes.has(id)) out.push(`quota of ${id}, which is gone`)
      const { space, inodes } = below(volume, id)
      if (usedSpace !== space || usedInodes !== inodes)
        out.push(`quota of ${id} counts ${usedSpace}/${usedInodes}, not ${space}/${inodes}`)
    }
  return out
}

function below({ nodes, children }: Volume, dir: Ino): { space: number; inodes: number } {
  const sum = { space: 0, inodes: 0 }
  const dirs = [dir]
  for (let at = dirs.pop(); at !== undefined; at = dirs.pop())
    for (const { ino, type } of children.get(at) ?? []) {
      const node = nodes.get(ino)
      sum.space += node === undefined ? 4096 : spaceOf(node)
      sum.inodes++
      if (type === TYPE_DIRECTORY) dirs.push(ino)
    }
  return sum
}

function isRoot(ino: Ino): boolean {
  return ino === ROOT_INO || ino === TRASH_INO
}
