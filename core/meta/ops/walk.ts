/** Walking the records of a tree, whatever rights its modes give. */
import { EIO, fail } from '#core/base/errno.ts'
import { Fan } from '#core/base/fan.ts'
import { type Ino, inoText } from '#core/base/ino.ts'
import type { ListTypes, RecordRange } from '../engine.ts'
import type { MetaState } from '../state.ts'

/** Entries of one page: what is held in memory of a directory at once. */
const PAGE = 1024

/** Directories read at the same time. */
const WIDTH = 8

/** The way from the directory a walk began at. */
export interface Step {
  readonly ino: Ino
  readonly up?: Step
}

/** The step below; EIO when the directory is above itself (a loop left by a broken volume). */
export function stepInto(up: Step, ino: Ino): Step {
  for (let at: Step | undefined = up; at !== undefined; at = at.up)
    if (at.ino === ino) throw fail(EIO, 'walk', `directory ${inoText(ino)} lies below itself`)
  return { ino, up }
}

/** All records of a range, page by page. */
export async function* pagesOf<R extends RecordRange>(
  state: Pick<MetaState, 'engine'>,
  range: R,
  limit = PAGE,
): AsyncGenerator<readonly ListTypes[R['kind']][]> {
  let after: string | undefined
  do {
    const page = await state.engine.list(range, { after, limit })
    yield page.items
    after = page.next
  } while (after !== undefined)
}

/** Call `visit` for a directory and then for those it returns, and so on; several at once. */
export async function walkDirectories(
  root: Ino,
  signal: AbortSignal | undefined,
  visit: (dir: Ino) => Promise<readonly Ino[]>,
): Promise<void> {
  const fan = new Fan(WIDTH)
  const enter = async (step: Step): Promise<void> => {
    signal?.throwIfAborted()
    await fan.each(await visit(step.ino), (ino) => enter(stepInto(step, ino)))
  }
  await enter({ ino: root })
}
