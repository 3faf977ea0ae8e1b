/** Tests of addresses as they are typed: a moment after the last key, and the one before is given up. */
import { useQuery } from '@tanstack/react-query'
import type { StoreKind, VolumeSecrets } from '#core/api/volumes.ts'
import { useDebounced } from '../components/use-debounced.ts'
import { useApi } from './api.ts'

export interface Probe<T> {
  /** Under way, or about to be. */
  readonly testing: boolean
  /** Of what is typed now. */
  readonly answer: T | undefined
  readonly error: unknown
}

// Answers are not kept: a test is of now, and its input may hold a password.
const FRESH = { gcTime: 0, staleTime: 0, retry: false }

function asProbe<T>(
  wanted: boolean,
  settled: boolean,
  query: { data?: T; error: unknown; isFetching: boolean },
): Probe<T> {
  const testing = wanted && (!settled || query.isFetching)
  return { testing, answer: wanted && !testing ? query.data : undefined, error: testing ? null : query.error }
}

/** Empty addresses are not tested. */
export function useMetadataProbe(
  metaUrl: string,
  password: string,
): Probe<import('#core/api/probes.ts').MetadataAnswer> {
  const { trpc } = useApi()
  const now = `${metaUrl}\n${password}`
  const settled = useDebounced(now)
  const wanted = metaUrl.trim() !== ''
  const query = useQuery({
    queryKey: ['probe metadata', settled],
    queryFn: ({ signal }) =>
      trpc.probes.metadata.query({ metaUrl, ...(password === '' ? {} : { password }) }, { signal }),
    enabled: wanted && settled === now,
    ...FRESH,
  })
  return asProbe(wanted, settled === now, query)
}

export interface BucketQuestion {
  readonly storage: StoreKind
  readonly bucket: string
  readonly volumeName: string
  readonly secrets: VolumeSecrets
}

export function useBucketProbe(
  question: BucketQuestion | undefined,
): Probe<import('#core/api/probes.ts').BucketAnswer> {
  const { trpc } = useApi()
  const now = JSON.stringify(question)
  const settled = useDebounced(now)
  const query = useQuery({
    queryKey: ['probe bucket', settled],
    queryFn: ({ signal }) => trpc.probes.bucket.query(question!, { signal }),
    enabled: question !== undefined && settled === now,
    ...FRESH,
  })
  return asProbe(question !== undefined, settled === now, query)
}

export function useMountPointProbe(path: string): Probe<import('#core/api/probes.ts').MountPointAnswer> {
  const { trpc } = useApi()
  const settled = useDebounced(path)
  const wanted = path.trim() !== ''
  const query = useQuery({
    queryKey: ['probe mount point', settled],
    queryFn: ({ signal }) => trpc.probes.mountPoint.query({ path }, { signal }),
    enabled: wanted && settled === path,
    ...FRESH,
  })
  return asProbe(wanted, settled === path, query)
}
