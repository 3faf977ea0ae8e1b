/** How much the metadata file takes, and how much its disk still has. */
import { stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'

/** `path` empty: in memory. */
export async function fileSpace(
  path: string,
): Promise<{ readonly usedBytes: number; readonly limitBytes: number | null }> {
  if (path === '' || path === ':memory:') return { usedBytes: 0, limitBytes: null }
  const sizes = await Promise.all(
    [path, `${path}-wal`].map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )
  const usedBytes = sizes.reduce((a, b) => a + b, 0)
  const { bavail, bsize } = await statfs(dirname(path))
  return { usedBytes, limitBytes: usedBytes + bavail * bsize }
}
