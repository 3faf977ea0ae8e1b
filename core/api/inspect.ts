/**
 * From objects of the bucket to files and back, and what a mount does as it happens. The answers are those of
 * core/inspect and of the command line's `--json`. Runs anywhere.
 */
import { z } from 'zod'
import { UNUSED_CLASSES } from '#core/inspect/answers.ts'
import { volumePath } from './files.ts'
import { volumeRef } from './volumes.ts'

export type * from '#core/base/shown-trace.ts'
export type { RequestTrace } from '#core/base/trace.ts'
export type * from '#core/inspect/answers.ts'
export { UNUSED_CLASSES }

/** As in the bucket, with or without the volume's name before it. */
const objectKey = z.string().min(1).max(1024)

export const inspectObjectInput = volumeRef.extend({ key: objectKey })

/** A file by its path or its inode (decimal); `probe`: ask the bucket for each block that is in no cache. */
export const inspectFileInput = volumeRef
  .extend({
    path: volumePath.optional(),
    inode: z
      .string()
      .regex(/^\d{1,20}$/)
      .optional(),
    from: z.number().int().min(0).default(0),
    limit: z.number().int().min(1).max(256).default(16),
    probe: z.boolean().default(false),
  })
  .refine(({ path, inode }) => (path === undefined) !== (inode === undefined), {
    error: 'give a path or an inode',
  })

export const inspectBlockInput = inspectObjectInput.extend({
  offset: z.number().int().min(0).default(0),
  length: z.number().int().min(1).max(65_536).default(4096),
})

/** Only slices of [firstSlice, endSlice). */
const sliceRange = volumeRef.extend({
  firstSlice: z.number().int().min(0).default(0),
  endSlice: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(Number.MAX_SAFE_INTEGER),
})
/** The bucket as the last survey listed it: `from` counts objects in the order of slices. */
export const inspectBucketInput = sliceRange.extend({
  from: z.number().int().min(0).default(0),
  limit: z.number().int().min(1).max(1000).default(200),
})

/** `width`: slices of each folder. */
export const inspectFoldersInput = sliceRange.extend({
  width: z.union([z.literal(1_000_000), z.literal(1000)]),
})

/** `limit` files, most bytes first, after the first `from`; and so many folders. */
export const inspectCachedInput = volumeRef.extend({
  from: z.number().int().min(0).default(0),
  limit: z.number().int().min(1).max(10_000).default(100),
})
/** Keys of a class of objects that no file uses: `limit` of them, after the key `after`. */
export const inspectUnusedInput = volumeRef.extend({
  kind: z.enum(UNUSED_CLASSES),
  after: objectKey.optional(),
  limit: z.number().int().min(1).max(10_000).default(1000),
})
/** Entries of a folder, most bytes first: `limit` of them, after the first `from`. */
export const inspectFolderInput = volumeRef.extend({
  path: volumePath,
  from: z.number().int().min(0).default(0),
  limit: z.number().int().min(1).max(10_000).default(200),
})
/** Groups, most to gain first: `limit` of them, after the first `from`. */
export const inspectDuplicatesInput = volumeRef.extend({
  from: z.number().int().min(0).default(0),
  limit: z.number().int().min(1).max(10_000).default(100),
})

/** Absent fields let everything pass. */
export const traceInput = volumeRef.extend({
  pid: z.number().int().min(0).optional(),
  ops: z.array(z.string().max(40)).max(50).optional(),
  path: volumePath.optional(),
  slowerMs: z.number().min(0).optional(),
})
