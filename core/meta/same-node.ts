/** Whether two node records say the same, whatever encoding they came from. */
import type { NodeRecord } from './records.ts'

/** The whole record. */
export function sameNode(a: NodeRecord | null, b: NodeRecord | null): boolean {
  if (a === null || b === null) return a === b
  return (
    a.length === b.length &&
    a.nlink === b.nlink &&
    a.mtime === b.mtime &&
    a.mtimeNsec === b.mtimeNsec &&
    a.ctime === b.ctime &&
    a.ctimeNsec === b.ctimeNsec &&
    a.atime === b.atime &&
    a.atimeNsec === b.atimeNsec &&
    alike(a, b)
  )
}

/** Everything but times, nlink and length. */
export function alike(a: NodeRecord, b: NodeRecord): boolean {
  return (
    a.type === b.type &&
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.parent === b.parent &&
    a.flags === b.flags &&
    a.rdev === b.rdev &&
    a.accessAcl === b.accessAcl &&
    a.defaultAcl === b.defaultAcl &&
    a.tier === b.tier
  )
}
