/** statfs: the volume's size, or what the quotas above a directory leave of it. Source: fs-semantics.md §4.3. */
import type { OpContext } from '#core/base/context.ts'
import type { Ino } from '#core/base/ino.ts'
import type { VolumeSpace } from '../api.ts'
import type { Quota } from '../records.ts'
import type { MetaState } from '../state.ts'

const PIB = 2 ** 50
const FREE_INODES = 10 * 2 ** 20

/** Never fails: figures that cannot be had are those last known. */
export async function statfs(state: MetaState, _ctx: OpContext, ino: Ino): Promise<VolumeSpace> {
  const [used, quotas] = await Promise.all([state.accounts.totals(), quotasAbove(state, ino)])
  const { Capacity = 0, Inodes = 0 } = state.setting
  const total = Capacity > 0 ? Math.max(Capacity, used.space) : unlimitedSpace(used.space)
  const volume = {
    totalSpace: total,
    availableSpace: total - used.space,
    usedInodes: used.inodes,
    availableInodes: Inodes > 0 ? Math.max(0, Inodes - used.inodes) : unlimitedInodes(used.inodes),
  }
  return quotas.length === 0 ? volume : limited(volume, quotas)
}

async function quotasAbove(state: MetaState, ino: Ino): Promise<readonly Quota[]> {
  try {
    return await state.accounts.quotasAbove(ino)
  } catch (error) {
    state.log.warn('statfs without quotas', { error })
    return []
  }
}

/** 1 PiB, doubled until at most 80 % of it is used. */
function unlimitedSpace(used: number): number {
  let total = PIB
  while (used > total * 0.8) total *= 2
  return total
}

function unlimitedInodes(used: number): number {
  let free = FREE_INODES
  while (used > 4 * free) free *= 2
  return free
}

/** Available is the least that any quota leaves; used is the usage of the nearest. */
function limited(volume: VolumeSpace, quotas: readonly Quota[]): VolumeSpace {
  let { availableSpace, availableInodes } = volume
  for (const quota of quotas) {
    if (quota.maxSpace > 0)
      availableSpace = Math.min(availableSpace, Math.max(0, quota.maxSpace - quota.usedSpace))
    if (quota.maxInodes > 0)
      availableInodes = Math.min(availableInodes, Math.max(0, quota.maxInodes - quota.usedInodes))
  }
  const nearest = quotas[0]!
  const usedInodes = Math.max(0, nearest.usedInodes)
  return {
    totalSpace: Math.max(0, nearest.usedSpace) + availableSpace,
    availableSpace,
    usedInodes,
    availableInodes,
  }
}
