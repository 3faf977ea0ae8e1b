import type { MetricsService } from '#core/api/services.ts'
import { detailAt, sampleAt } from './samples.ts'
import { ticks } from './watch.ts'
import type { World } from './world.ts'

const HOUR_MS = 3_600_000

export function fakeMetrics(world: World): MetricsService {
  return {
    async *live({ id }, signal) {
      const { load, volume } = world.find(id)
      if (volume.rates === null) return
      yield detailAt(id, load, second(), volume.startedMs ?? Date.now())
      for await (const _ of ticks(world, signal))
        yield detailAt(id, load, second(), volume.startedMs ?? Date.now())
    },
    history({ id, fromMs, toMs, resolution, series }) {
      const { load } = world.find(id)
      const end = Math.floor((toMs ?? Date.now()) / 1000) * 1000
      const stepMs =
        resolution === 'second' || (resolution === 'auto' && end - fromMs <= HOUR_MS) ? 1000 : 60_000
      const coarse = Math.max(stepMs, Math.ceil((end - fromMs) / 1500 / stepMs) * stepMs)
      const atMs: number[] = []
      for (let at = Math.ceil(fromMs / coarse) * coarse; at <= end; at += coarse) atMs.push(at)
      const samples = atMs.map((at) => sampleAt(id, load, at).values)
      return {
        stepMs: coarse,
        atMs,
        series: Object.fromEntries(series.map((name) => [name, samples.map((values) => values[name])])),
      }
    },
  }
}

function second(): number {
  return Math.floor(Date.now() / 1000) * 1000
}
