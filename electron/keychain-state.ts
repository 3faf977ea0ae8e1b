/**
 * Where Electron's safeStorage keeps a secret, as people should know it. On Linux without a secret service Chromium
 * encrypts with a fixed password: that is plain text to whoever looks, and is called so.
 * Source: electron docs/api/safe-storage.md.
 */
import type { KeychainState } from '#core/api/bridge.ts'

export interface KeychainFacts {
  readonly platform: string
  readonly isEncryptionAvailable: boolean
  /** `getSelectedStorageBackend()`, Linux only; undefined where this Electron cannot say. */
  readonly backend: string | undefined
}

const NAMES: Readonly<Record<string, string>> = {
  gnome_libsecret: 'the system keyring (Secret Service)',
  kwallet: 'KWallet',
  kwallet5: 'KWallet',
  kwallet6: 'KWallet',
}

export function keychainState({ platform, isEncryptionAvailable, backend }: KeychainFacts): KeychainState {
  if (platform === 'linux' && backend === 'basic_text') return plain()
  if (!isEncryptionAvailable) return platform === 'linux' ? plain() : none()
  const name = platform === 'darwin' ? 'the macOS keychain' : (NAMES[backend ?? ''] ?? 'the system keychain')
  return { kind: 'keychain', name, sentence: `Keys and passwords of volumes are protected by ${name}.` }
}

function plain(): KeychainState {
  return {
    kind: 'plain',
    name: 'a file',
    sentence:
      'This computer has no keyring that answers: keys and passwords of volumes are kept in a file that only your user can read, not encrypted.',
    next: 'Start a keyring (GNOME Keyring, KWallet) and open Pomelo again.',
  }
}

function none(): KeychainState {
  return {
    kind: 'none',
    name: 'a file',
    sentence:
      'The system’s keychain does not answer: keys and passwords of volumes are kept in a file that only your user can read.',
    next: 'Unlock the keychain and open Pomelo again.',
  }
}
