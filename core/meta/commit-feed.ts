/** Hearing of the commits of an engine, whoever of this process makes them. */
import type { Change, MetaEngine } from './engine.ts'

/** Called after each commit that was applied or, its answer lost, may have been. Returns at once and does not throw. */
export type CommitListener = (changes: readonly Change[]) => void

/** From now on `listener` is told; returns how to stop. Without a listener the engine is as it was. */
export function hearCommits(engine: MetaEngine, listener: CommitListener): () => void {
  const commit = engine.commit
  const heard: MetaEngine['commit'] = async (op, guards, changes) => {
    try {
      const result = await commit.call(engine, op, guards, changes)
      if (result.ok) listener(changes)
      return result
    } catch (error) {
      listener(changes)
      throw error
    }
  }
  engine.commit = heard
  return () => {
    if (engine.commit === heard) engine.commit = commit
  }
}
