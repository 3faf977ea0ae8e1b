/** What a worker without a volume does. Arguments were checked by the API. */

import type { z } from 'zod'
import type { bucketProbe } from '#core/api/probes.ts'
import type { ControlRequest } from '#core/volume/control-socket.ts'
import type { Creation } from './create-volume.ts'

/** Each part is loaded when it is first asked for. */
export async function runProbe({ op, args, signal, progress }: ControlRequest): Promise<unknown> {
  switch (op) {
    case 'metadata': {
      const { probeMetadata } = await import('./probe-metadata.ts')
      return probeMetadata(args.metaUrl as string, args.password as string | undefined, signal)
    }
    case 'bucket': {
      const { probeBucket } = await import('./probe-bucket.ts')
      return probeBucket(args as z.output<typeof bucketProbe>, signal)
    }
    case 'generateKey': {
      const { generateKey } = await import('./generate-key.ts')
      return generateKey()
    }
    case 'create': {
      const { createVolume } = await import('./create-volume.ts')
      return createVolume(args as unknown as Creation, (step) => progress({ step }))
    }
    default:
      throw new Error(`a worker does not know ${op}`)
  }
}
