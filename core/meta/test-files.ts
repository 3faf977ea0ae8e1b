/**
 * For the tests of data, attribute, lock and accounting operations: a volume with a root, and files put into it
 * by record, so that nothing depends on the namespace operations.
 */
import { ManualClock } from '#core/base/clock.ts'
import { type OpContext, rootContext } from '#core/base/context.ts'
import { FsError } from '#core/base/errno.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import { silentLog } from '#core/base/log.ts'
import { Metrics } from '#core/base/metrics.ts'
import { seededRandom } from '#core/base/random.ts'
import { TaskSet } from '#core/base/tasks.ts'
import { createAccounts } from './accounts.ts'
import { createAcls } from './acls.ts'
import type { MetaEngine } from './engine.ts'
import { openSqlite } from './engines/sqlite/open.ts'
import { createIds } from './ids.ts'
import { makeNode } from './node.ts'
import { OpenFiles } from './open-files.ts'
import { type NodeRecord, type NodeType, TYPE_DIRECTORY, TYPE_FILE } from './records.ts'
import type { VolumeSetting } from './setting.ts'
import type { MetaOptions, MetaState } from './state.ts'

export const ROOT: OpContext = rootContext()

/** A caller whom the kernel has not checked. */
export function user(uid: number, ...groups: number[]): OpContext {
  const gid = groups[0] ?? uid
  return { ...rootContext(), uid, gid, groups: [gid, ...groups], checkPermission: true }
}

export interface TestFiles {
  readonly state: MetaState
  readonly clock: ManualClock
  /** What the deleter was told, in order. */
  readonly deleted: { id: number; size: number }[]
  file(name: string, fields?: Partial<NodeRecord>, parent?: Ino): Promise<Ino>
  dir(name: string, fields?: Partial<NodeRecord>, parent?: Ino): Promise<Ino>
  node(ino: Ino): Promise<NodeRecord>
}

export interface TestOptions {
  readonly setting?: Partial<VolumeSetting>
  readonly options?: Partial<MetaOptions>
  /** A second client of the same volume passes the first one's. */
  readonly engine?: MetaEngine
  readonly sid?: number
  readonly clock?: ManualClock
}

const SETTING: VolumeSetting = {
  Name: 'test',
  UUID: '0d9a2a4c-7d2a-4f39-8f7f-6f3b62a7a0c1',
  Storage: 'file',
  Bucket: '',
  BlockSize: 4096,
  TrashDays: 0,
  DirStats: true,
  UserGroupQuota: true,
  EnableACL: true,
}

const OPTIONS: MetaOptions = {
  readOnly: false,
  atimeMode: 'noatime',
  skipDirMtimeMs: 0,
  heartbeatSec: 12,
  noBackgroundJobs: true,
  maxDeletes: 10,
}

export async function testFiles(given: TestOptions = {}): Promise<TestFiles> {
  const clock = given.clock ?? new ManualClock()
  const engine = given.engine ?? (await newVolume())
  const deleted: { id: number; size: number }[] = []
  const tasks = new TaskSet({ ...silentLog, error: (message, fields) => assertNoFailure(message, fields) })
  const shared = {
    engine,
    clock,
    random: seededRandom(1),
    log: silentLog,
    metrics: new Metrics(),
    tasks,
    options: { ...OPTIONS, ...given.options },
    setting: { ...SETTING, ...given.setting },
    sid: given.sid ?? 1,
    rootIno: ROOT_INO,
    ids: createIds(engine),
    openFiles: new OpenFiles(),
    acls: createAcls(engine, clock),
    deletions: { file() {}, slice: (id: number, size: number) => void deleted.push({ id, size }) },
    remembered: { trashHour: undefined, roots: new Map<Ino, NodeRecord>() },
  }
  const state: MetaState = Object.assign(shared, { accounts: createAccounts(shared) })
  const make = async (
    name: string,
    type: NodeType,
    fields: Partial<NodeRecord>,
    parent: Ino,
  ): Promise<Ino> => {
    const ino = await state.ids.nextInode()
    const node = makeNode({ mode: 0o644, ...fields, type, parent }, clock.now())
    await state.engine.commit(
      'make',
      [],
      [
        { kind: 'putNode', ino, node },
        { kind: 'putEdge', parent, name, edge: { ino, type } },
        { kind: 'putDirStat', ino, stat: { length: 0, space: 0, inodes: 0 } },
        ...state.accounts.volume(node.uid, node.gid, 4096, 1),
        { kind: 'addDirStat', ino: parent, length: 0, space: 4096, inodes: 1 },
      ],
    )
    return ino
  }
  return {
    state,
    clock,
    deleted,
    file: (name, fields = {}, parent = ROOT_INO) => make(name, TYPE_FILE, fields, parent),
    dir: (name, fields = {}, parent = ROOT_INO) => make(name, TYPE_DIRECTORY, fields, parent),
    async node(ino) {
      const [node] = await state.engine.read([{ kind: 'node', ino }])
      if (node === null) throw new Error(`no node ${ino}`)
      return node
    },
  }
}

function assertNoFailure(message: string, fields: unknown): void {
  throw new Error(`background: ${message}`, { cause: fields })
}

async function newVolume(): Promise<MetaEngine> {
  const engine = await openSqlite('sqlite3://:memory:')
  await engine.initialize()
  const root = makeNode(
    { type: TYPE_DIRECTORY, mode: 0o777, parent: ROOT_INO },
    { sec: 1_600_000_000, nsec: 0 },
  )
  await engine.commit(
    'format',
    [],
    [
      { kind: 'putNode', ino: ROOT_INO, node: root },
      { kind: 'putDirStat', ino: ROOT_INO, stat: { length: 0, space: 0, inodes: 0 } },
    ],
  )
  return engine
}

/** For `assert.rejects`: an FsError with this errno. */
export function errno(wanted: number): (error: unknown) => boolean {
  return (error) => error instanceof FsError && error.errno === wanted
}
