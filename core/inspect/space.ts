/** Where the space is: the last survey in sums, and directory by directory. */
import { type Ino, inoText } from '#core/base/ino.ts'
import { nameToText } from '#core/base/name.ts'
import { TYPE_DIRECTORY } from '#core/meta/records.ts'
import type { SpaceFolder, SpaceView } from './answers.ts'
import type { IndexedVolume } from './parts.ts'
import { isSurveying, lastSurvey, type Survey } from './survey.ts'
import { SurveyTables } from './survey-tables.ts'

const MOST_OWNERS = 100
const DAY_SEC = 86_400
/** Ages are told apart by these numbers of days; what is older comes last. */
const AGES_DAYS = [1, 7, 30, 90, 365, 1095]

export function spaceView({ index, clock }: IndexedVolume, found: Survey): SpaceView {
  const tables = new SurveyTables(index.file)
  const { fromMs, toMs, objects, bytes, classes, missing } = found
  const now = clock.nowSec()
  const bounds = [Number.NEGATIVE_INFINITY, ...AGES_DAYS].map((days) => now - Math.max(0, days) * DAY_SEC)
  return {
    listedFromMs: fromMs,
    listedToMs: toMs,
    objects,
    bytes,
    classes,
    missing,
    unfinished: isSurveying(index.file),
    owners: tables.owners(MOST_OWNERS),
    ages: [...AGES_DAYS, null].map((underDays, k) => ({
      underDays,
      ...tables.modified(
        bounds[k + 1] ?? Number.MIN_SAFE_INTEGER,
        k === 0 ? Number.MAX_SAFE_INTEGER : bounds[k]!,
      ),
    })),
  }
}

/** Of a long list: `limit` items after the first `from`. */
interface Page {
  readonly from: number
  readonly limit: number
}

/** A directory by the last survey; undefined when there was none. `path`: as the answer shall name it. */
export function spaceFolder(
  { index }: IndexedVolume,
  ino: Ino,
  path: string,
  { from, limit }: Page,
): SpaceFolder | undefined {
  if (lastSurvey(index.file) === undefined) return undefined
  const tables = new SurveyTables(index.file)
  const rows = tables.treeEntries(ino, limit, from)
  const above = path === '/' ? '' : path
  return {
    path,
    inode: inoText(ino),
    total: tables.tree(ino) ?? { files: 0, live: 0, trash: 0, shadowed: 0 },
    entries: rows.map(({ name, ino: entry, type, files, live, trash, shadowed }) => ({
      name: nameToText(name),
      path: `${above}/${nameToText(name)}`,
      inode: inoText(entry),
      directory: type === TYPE_DIRECTORY,
      files,
      live,
      trash,
      shadowed,
    })),
    more: Math.max(0, tables.countEntries(ino) - from - rows.length),
  }
}
