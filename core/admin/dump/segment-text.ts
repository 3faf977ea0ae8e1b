/** The records of one segment of a binary dump, to look at. Source: shared/spec/admin-tools.md §9.3. */
import { decodeAclRule, decodeNode } from '#core/meta/records-codec.ts'
import { decodeSlices } from '#core/meta/slices.ts'
import { type FieldValue, fieldsOf, varintsOf } from './protobuf.ts'
import type { Segment, SegmentFile } from './segment-file.ts'
import { BATCH_FIELDS, type BatchField } from './segments.ts'

type Reader = (value: FieldValue) => unknown
type Fields = readonly (readonly [name: string, read: Reader])[]

const number: Reader = (value) => (typeof value === 'bigint' ? String(value) : value)
const text: Reader = (value) => bytesOf(value).toString()
const signed: Reader = (value) =>
  typeof value === 'bigint' ? Number(BigInt.asIntN(64, value)) : Number(value)
const numbers: Reader = (value) => [...varintsOf(bytesOf(value))].map((item) => number(item))

const QUOTA: Fields = [
  ['key', number],
  ['maxSpace', signed],
  ['maxInodes', signed],
  ['usedSpace', signed],
  ['usedInodes', signed],
  ['type', number],
]

/** Fields of each message, from number 1 on. */
const MESSAGES: Readonly<Record<BatchField, Fields>> = {
  counter: [
    ['key', text],
    ['value', signed],
  ],
  node: [
    ['inode', number],
    ['data', (value) => decodeNode(bytesOf(value))],
  ],
  edge: [
    ['parent', number],
    ['inode', number],
    ['name', text],
    ['type', number],
  ],
  chunk: [
    ['inode', number],
    ['index', number],
    ['slices', (value) => decodeSlices(bytesOf(value))],
  ],
  sliceRef: [
    ['id', number],
    ['size', number],
    ['refs', signed],
  ],
  symlink: [
    ['inode', number],
    ['target', text],
  ],
  sustained: [
    ['sid', number],
    ['inodes', numbers],
  ],
  delFile: [
    ['inode', number],
    ['length', number],
    ['expire', signed],
  ],
  xattr: [
    ['inode', number],
    ['name', text],
    ['value', text],
  ],
  acl: [
    ['id', number],
    ['data', (value) => decodeAclRule(bytesOf(value))],
  ],
  stat: [
    ['inode', number],
    ['dataLength', signed],
    ['usedSpace', signed],
    ['usedInodes', signed],
  ],
  dirQuota: QUOTA,
  userQuota: QUOTA,
  groupQuota: QUOTA,
  parent: [
    ['inode', number],
    ['parent', number],
    ['cnt', signed],
  ],
}

/** Its records in order, as values for JSON; the setting as it was dumped. Throws Refusal for what is damaged. */
export async function recordsOf(file: SegmentFile, segment: Segment): Promise<readonly unknown[]> {
  const message = await file.message(segment)
  if (segment.name === 'format') {
    const setting = new Map(fieldsOf(message)).get(1)
    return setting === undefined ? [] : [JSON.parse(bytesOf(setting).toString())]
  }
  return [...fieldsOf(message)].flatMap(([field, item]) => {
    const kind = Object.entries(BATCH_FIELDS).find(([, number]) => number === field)?.[0] as
      | BatchField
      | undefined
    return kind === undefined ? [] : [recordOf(MESSAGES[kind], bytesOf(item))]
  })
}

/** Fields that are left out are 0 or empty. */
function recordOf(fields: Fields, item: Buffer): Record<string, unknown> {
  const record: Record<string, unknown> = {}
  for (const [field, value] of fieldsOf(item)) {
    const known = fields[field - 1]
    if (known !== undefined) record[known[0]] = known[1](value)
  }
  return record
}

function bytesOf(value: FieldValue): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0)
}
