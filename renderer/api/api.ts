/** What the interface needs of the outside: calls, uploads, and whether anybody answers. */
import { createContext, use } from 'react'
import type { ConnectionState, Trpc } from '#core/api/client.ts'
import type { Connection } from './connection.ts'

export interface PomeloApi {
  readonly trpc: Trpc
  readonly connection: Connection
  /** Rejects with a ShownError. */
  upload(target: UploadTarget, body: Blob, signal: AbortSignal): Promise<void>
  /** Makes the address of a download absolute. */
  address(url: string): string
}

export interface UploadTarget {
  readonly id: string
  readonly path: string
  readonly overwrite?: boolean
  /** The folders on the way are made. */
  readonly parents?: boolean
}

export type { ConnectionState }

export const ApiContext = createContext<PomeloApi | null>(null)

export function useApi(): PomeloApi {
  const api = use(ApiContext)
  if (api === null) throw new Error('useApi outside of ApiContext')
  return api
}
