/** The key that seals the daemon's secrets, kept by the system's keychain through safeStorage. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { safeStorage } from 'electron'
import type { KeychainState } from '#core/api/bridge.ts'
import { keychainState } from './keychain-state.ts'

const KEY_BYTES = 32

/** Where this computer keeps secrets, as Electron finds it. */
export function readKeychain(): KeychainState {
  return keychainState({
    platform: process.platform,
    isEncryptionAvailable: safeStorage.isEncryptionAvailable(),
    // Not in Electrons before 26.
    backend: process.platform === 'linux' ? safeStorage.getSelectedStorageBackend?.() : undefined,
  })
}

/**
 * The key, base64; made at the first call. `file` holds it encrypted by the keychain. Undefined without a keychain.
 * Errors: the keychain does not decrypt the file, or the file system's.
 */
export function keychainKey(file: string): string | undefined {
  if (readKeychain().kind !== 'keychain') return undefined
  const kept = read(file)
  if (kept !== undefined) return safeStorage.decryptString(kept)
  const key = randomBytes(KEY_BYTES).toString('base64')
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  // Never over a file that is there: what another key has sealed would be lost.
  writeFileSync(file, safeStorage.encryptString(key), { mode: 0o600, flag: 'wx' })
  return key
}

function read(file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
