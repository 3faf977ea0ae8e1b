import { pass } from '#core/base/gate.ts'
import type { Operator } from './operators.ts'

/** Half of what a volume process waits for a transfer that has fallen silent. */
const KEEP_MS = 60_000

/** Wait at the gate of a transfer; meanwhile its other half is told, by `op`, that it is not forgotten. */
export async function passAlive(
  operator: Operator,
  op: 'putKeep' | 'archiveKeep',
  key: string,
  signal: AbortSignal,
): Promise<void> {
  const keep = () => operator.call(op, { key }, { signal }).catch(() => {})
  const timer = setInterval(keep, KEEP_MS)
  try {
    await pass(signal)
  } finally {
    clearInterval(timer)
  }
}
