/** Making and changing node records. */
import type { Time } from '#core/base/clock.ts'
import { type NodeRecord, type NodeType, TYPE_DIRECTORY } from './records.ts'

/** A record with all times `now`, and what is usual for the type where `fields` says nothing. */
export function makeNode(
  fields: Partial<NodeRecord> & { readonly type: NodeType },
  { sec, nsec }: Time,
): NodeRecord {
  const isDirectory = fields.type === TYPE_DIRECTORY
  return {
    flags: 0,
    mode: 0,
    uid: 0,
    gid: 0,
    atime: sec,
    atimeNsec: nsec,
    mtime: sec,
    mtimeNsec: nsec,
    ctime: sec,
    ctimeNsec: nsec,
    nlink: isDirectory ? 2 : 1,
    length: isDirectory ? 4096 : 0,
    rdev: 0,
    parent: 0,
    accessAcl: 0,
    defaultAcl: 0,
    tier: 0,
    ...fields,
  }
}

/** The node with its ctime set. */
export function changed(node: NodeRecord, now: Time): NodeRecord {
  return { ...node, ctime: now.sec, ctimeNsec: now.nsec }
}

/** What is known of an entry whose node record is missing: its type. */
export function missingNode(type: NodeType): NodeRecord {
  return makeNode({ type }, { sec: 0, nsec: 0 })
}
