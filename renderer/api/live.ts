/** Everything that changes by itself: volumes and tasks, by subscription, for as long as the window is seen. */
import { useSyncExternalStore } from 'react'
import type { Task } from '#core/api/tasks.ts'
import type { Volume } from '#core/api/volumes.ts'
import type { PomeloApi } from './api.ts'
import { KeyedStore } from './keyed-store.ts'
import { Throughput } from './throughput.ts'
import { whenVisible } from './when-visible.ts'

export const volumeStore = new KeyedStore<Volume>(({ id }) => id)
export const taskStore = new KeyedStore<Task>(({ taskId }) => taskId)
export const throughput = new Throughput()

/** Begin to watch; returns what ends it. */
export function watchLive({ trpc }: PomeloApi): () => void {
  return whenVisible(() => {
    const volumes = trpc.volumes.watch.subscribe(undefined, {
      onData: (change) => {
        const removed = change.kind === 'change' ? change.removed : []
        volumeStore.apply({ kind: change.kind, items: change.volumes, removed })
        throughput.record(volumeStore.list)
      },
      // The connection's own state says that nobody answers; the client subscribes again by itself.
      onError: () => undefined,
    })
    const tasks = trpc.tasks.watch.subscribe(undefined, {
      onData: (change) => {
        const removed = change.kind === 'change' ? change.removed : []
        taskStore.apply({ kind: change.kind, items: change.tasks, removed })
      },
      onError: () => undefined,
    })
    return () => {
      volumes.unsubscribe()
      tasks.unsubscribe()
    }
  })
}

const subscribeVolumes = (listener: () => void) => volumeStore.subscribe(listener)
const subscribeTasks = (listener: () => void) => taskStore.subscribe(listener)

export function useVolumes(): readonly Volume[] {
  return useSyncExternalStore(subscribeVolumes, () => volumeStore.list)
}

export function useVolumesLoaded(): boolean {
  return useSyncExternalStore(subscribeVolumes, () => volumeStore.loaded)
}

export function useVolume(id: string): Volume | undefined {
  return useSyncExternalStore(
    (listener) => volumeStore.subscribeTo(id, listener),
    () => volumeStore.get(id),
  )
}

export function useTasks(): readonly Task[] {
  return useSyncExternalStore(subscribeTasks, () => taskStore.list)
}

export function useRunningTasks(): number {
  return useSyncExternalStore(
    subscribeTasks,
    () => taskStore.list.filter(({ state }) => state === 'running').length,
  )
}
