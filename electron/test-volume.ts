import type { Volume } from '#core/api/volumes.ts'

/** A volume as the API lists it: mounted, everything uploaded. */
export function testVolume(id: string, changes: Partial<Volume> = {}): Volume {
  return {
    id,
    name: id,
    volumeName: id,
    uuid: null,
    origin: 'profile',
    status: { state: 'mounted', line: 'All changes are uploaded.', action: 'open-folder', sinceMs: 0 },
    desired: 'mounted',
    mountAtLogin: false,
    mountPoint: `/home/me/Volumes/${id}`,
    engine: { kind: 'sqlite', address: '' },
    store: null,
    readOnly: false,
    usage: null,
    rates: null,
    pending: { blocks: 0, bytes: 0, oldestMs: null },
    safeToShutDown: true,
    pid: 1,
    startedMs: 0,
    ...changes,
  }
}

export function uploading(id: string, bytes: number): Volume {
  return testVolume(id, {
    status: {
      state: 'uploading',
      line: `${bytes} B still to upload.`,
      action: 'show-uploads',
      sinceMs: 0,
    },
    pending: { blocks: 1, bytes, oldestMs: 1000 },
    safeToShutDown: false,
  })
}
