/** Slices of [firstSlice, endSlice): a folder of the bucket, or all of it. */
export interface SliceRange {
  readonly firstSlice: number
  readonly endSlice: number
}

export const EVERYTHING: SliceRange = { firstSlice: 0, endSlice: Number.MAX_SAFE_INTEGER }
