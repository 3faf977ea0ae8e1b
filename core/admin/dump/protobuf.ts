/** The messages of binary dumps: base/protobuf.ts, with what is no message told as a damaged dump. */
import { BackendError } from '#core/base/errno.ts'
import * as wire from '#core/base/protobuf.ts'
import { damaged } from './json-entry.ts'

export { type FieldValue, MessageWriter } from '#core/base/protobuf.ts'

/** Throws Refusal for what is no message. */
export function* fieldsOf(message: Buffer): ReturnType<typeof wire.fieldsOf> {
  try {
    yield* wire.fieldsOf(message)
  } catch (error) {
    throw asDamage(error)
  }
}

export function* varintsOf(packed: Buffer): ReturnType<typeof wire.varintsOf> {
  try {
    yield* wire.varintsOf(packed)
  } catch (error) {
    throw asDamage(error)
  }
}

export function signed(value: wire.FieldValue | undefined): number {
  try {
    return wire.signed(value)
  } catch (error) {
    throw asDamage(error)
  }
}

function asDamage(error: unknown): unknown {
  return error instanceof BackendError ? damaged(error.message, error) : error
}
