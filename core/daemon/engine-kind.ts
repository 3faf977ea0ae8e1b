import type { EngineKind } from '#core/api/volumes.ts'

/** By the scheme of a metadata address. */
export function engineKind(metaUrl: string): EngineKind {
  const scheme = /^([a-z0-9]+):/i.exec(metaUrl)?.[1]?.toLowerCase() ?? 'redis'
  if (scheme.startsWith('sqlite')) return 'sqlite'
  if (scheme.startsWith('postgres')) return 'postgres'
  return scheme === 'tikv' || scheme === 'etcd' ? scheme : 'redis'
}
