import { safeStorage } from 'electron'
import type { KeychainState } from '#core/api/bridge.ts'
import { keychainState } from './keychain-state.ts'

/** Where this computer keeps secrets, as Electron finds it. */
export function readKeychain(): KeychainState {
  return keychainState({
    platform: process.platform,
    isEncryptionAvailable: safeStorage.isEncryptionAvailable(),
    // Not in Electrons before 26.
    backend: process.platform === 'linux' ? safeStorage.getSelectedStorageBackend?.() : undefined,
  })
}
