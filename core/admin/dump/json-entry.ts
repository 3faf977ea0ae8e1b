/** One entry of a JSON dump: the texts of its members, and the records they stand for. Source: admin-tools.md §9.1. */
import { type Ino, inoFromBigInt, inoText, isVirtual } from '#core/base/ino.ts'
import { nameFromText, nameToText } from '#core/base/name.ts'
import { Refusal } from '#core/base/refusal.ts'
import {
  ACL_UNSET,
  type AclEntry,
  type AclRule,
  CHUNK_SIZE,
  type NodeRecord,
  type NodeType,
  type SliceRecord,
  TYPE_FILE,
  type Xattr,
} from '#core/meta/records.ts'
import { decodeSlices, encodeSlices } from '#core/meta/slices.ts'
import { escapeBytes, unescapeBytes } from './escape.ts'

const TYPES = ['', 'regular', 'directory', 'symlink', 'fifo', 'blockdev', 'chardev', 'socket'] as const

export function attrText(ino: Ino, node: NodeRecord): string {
  const optional = (name: string, value: number) => (value === 0 ? '' : `,"${name}":${value}`)
  return (
    `{"inode":${inoText(ino)}${optional('flags', node.flags)},"type":"${TYPES[node.type] ?? ''}","mode":${node.mode}` +
    `,"uid":${node.uid},"gid":${node.gid},"atime":${node.atime},"mtime":${node.mtime},"ctime":${node.ctime}` +
    optional('atimensec', node.atimeNsec) +
    optional('mtimensec', node.mtimeNsec) +
    optional('ctimensec', node.ctimeNsec) +
    `,"nlink":${node.nlink},"length":${node.type === TYPE_FILE ? node.length : 0}` +
    `${optional('rdev', node.rdev)}${optional('tier', node.tier)}}`
  )
}

export function symlinkText(target: Uint8Array): string {
  return jsonText(escapeBytes(target))
}

export function xattrsText(xattrs: readonly Xattr[]): string {
  const items = xattrs.map(
    ({ name, value }) => `{"name":${jsonText(nameToText(name))},"value":${jsonText(escapeBytes(value))}}`,
  )
  return `[${items.join()}]`
}

export function aclRuleText({ owner, group, other, mask, users, groups }: AclRule): string {
  const names = (entries: readonly AclEntry[]) =>
    entries.length === 0 ? 'null' : `[${entries.map(({ id, perm }) => `{"id":${id},"perm":${perm}}`).join()}]`
  return `{"owner":${owner},"group":${group},"other":${other},"mask":${mask},"users":${names(users)},"groups":${names(groups)}}`
}

export function chunkText(index: number, slices: Uint8Array): string {
  return `{"index":${index},"slices":[${decodeSlices(slices).map(sliceText).join()}]}`
}

function sliceText({ id, pos, size, off, len }: SliceRecord): string {
  return `{"id":${id}${pos === 0 ? '' : `,"pos":${pos}`},"size":${size}${off === 0 ? '' : `,"off":${off}`},"len":${len}}`
}

/** As Go's encoder has it: text that is safe in HTML. */
function jsonText(text: string): string {
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Members of one entry as parsed; what each holds is checked when it is used. */
export type EntryMembers = Readonly<Record<string, unknown>>

export interface LoadedNode {
  readonly ino: Ino
  /** Link count and parent are the loader's business, lengths of what is no file too. */
  readonly node: NodeRecord
  /** As dumped; 0 is an entry whose record was missing. */
  readonly nlink: number
}

/** The node of an entry. Throws Refusal for what a dump cannot say. */
export function nodeOf({ attr }: EntryMembers): LoadedNode {
  const fields = objectOf(attr, 'attr')
  const type = TYPES.indexOf(fields.type as (typeof TYPES)[number])
  if (type < 1) throw damaged(`an entry of type ${JSON.stringify(fields.type)}`)
  const number = (name: string) => numberOf(fields[name], name)
  return {
    ino: inoOf(fields.inode, 'inode'),
    nlink: fields.nlink === undefined ? 1 : number('nlink'),
    node: {
      flags: number('flags'),
      type: type as NodeType,
      mode: number('mode') & 0xfff,
      uid: number('uid'),
      gid: number('gid'),
      atime: number('atime'),
      atimeNsec: number('atimensec'),
      mtime: number('mtime'),
      mtimeNsec: number('mtimensec'),
      ctime: number('ctime'),
      ctimeNsec: number('ctimensec'),
      nlink: 1,
      length: number('length'),
      rdev: number('rdev'),
      parent: 0,
      accessAcl: 0,
      defaultAcl: 0,
      tier: number('tier'),
    },
  }
}

export function symlinkOf({ symlink }: EntryMembers): Buffer {
  if (typeof symlink !== 'string') throw damaged('a symlink without its target')
  return unescapeBytes(symlink)
}

export function xattrsOf({ xattrs }: EntryMembers): readonly Xattr[] {
  return listOf(xattrs, 'xattrs').map((item) => {
    const { name, value } = objectOf(item, 'xattr')
    if (typeof name !== 'string' || (value !== undefined && typeof value !== 'string'))
      throw damaged('an xattr that is no text')
    return { name: nameFromText(name), value: unescapeBytes(value ?? '') }
  })
}

export function aclRuleOf(value: unknown): AclRule | undefined {
  if (value === undefined || value === null) return undefined
  const rule = objectOf(value, 'ACL')
  const perm = (name: string) => numberOf(rule[name] ?? ACL_UNSET, name)
  const names = (name: string) =>
    listOf(rule[name], name).map((item) => {
      const entry = objectOf(item, name)
      return { id: numberOf(entry.id, 'id'), perm: numberOf(entry.perm, 'perm') }
    })
  return {
    owner: perm('owner'),
    group: perm('group'),
    mask: perm('mask'),
    other: perm('other'),
    users: names('users'),
    groups: names('groups'),
  }
}

export interface LoadedChunk {
  readonly index: number
  readonly records: readonly SliceRecord[]
  readonly slices: Uint8Array
}

export function chunksOf({ chunks }: EntryMembers): readonly LoadedChunk[] {
  return listOf(chunks, 'chunks').map((item) => {
    const { index, slices } = objectOf(item, 'chunk')
    const records = listOf(slices, 'slices').map(sliceOf)
    return { index: numberOf(index, 'index'), records, slices: encodeSlices(records) }
  })
}

function sliceOf(item: unknown): SliceRecord {
  const { id, chunkid, pos, size, off, len } = objectOf(item, 'slice')
  const record = {
    pos: numberOf(pos, 'pos'),
    id: numberOf(id ?? chunkid, 'slice id'),
    size: numberOf(size, 'size'),
    off: numberOf(off, 'off'),
    len: numberOf(len, 'len'),
  }
  if (record.pos + record.len > CHUNK_SIZE || (record.id > 0 && record.off + record.len > record.size))
    throw damaged(`slice ${record.id} with impossible bounds`)
  return record
}

/** Absent is 0. */
export function numberOf(value: unknown, what: string): number {
  if (value === undefined || value === null) return 0
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw damaged(`${what} is no number this client can count`)
}

export function inoOf(value: unknown, what: string): Ino {
  const ino = typeof value === 'bigint' ? inoFromBigInt(value) : numberOf(value, what)
  if (!(ino > 0) || isVirtual(ino)) throw damaged(`${what} ${String(value)} is no inode`)
  return ino
}

export function objectOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>
  throw damaged(`${what} is no object`)
}

export function listOf(value: unknown, what: string): readonly unknown[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) return value
  throw damaged(`${what} is no list`)
}

/** The dump cannot be loaded. */
export function damaged(what: string, cause?: unknown): Refusal {
  return new Refusal(`the dump is damaged: ${what}`, 'use another dump, or an automatic backup', { cause })
}
