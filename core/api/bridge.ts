/**
 * What the desktop shell does for its page that a page cannot do itself: `window.pomeloDesktop`, made by the preload
 * script, absent in a browser. Everything about volumes goes through the API, here as there. Runs anywhere.
 */

/** Where the desktop shell could keep a secret: `plain`: readable by every program of this user. */
export interface KeychainState {
  readonly kind: 'keychain' | 'plain' | 'none'
  /** "GNOME Keyring". */
  readonly name: string
  /** What it means for the user's keys. */
  readonly sentence: string
  readonly next?: string
}

export const UPDATE_STEPS = [
  'off',
  'idle',
  'checking',
  'available',
  'downloading',
  'ready',
  'failed',
] as const
export type UpdateStep = (typeof UPDATE_STEPS)[number]

export interface UpdateState {
  readonly step: UpdateStep
  /** One line for people: "Version 1.3.0 is downloaded." */
  readonly line: string
  readonly version?: string
  /** 0 to 100, while downloading. */
  readonly percent?: number
  /** When it was last looked for. */
  readonly checkedMs?: number
}

export interface ChooseFolder {
  readonly title?: string
  readonly defaultPath?: string
}

export interface ChooseFile extends ChooseFolder {
  /** Extensions without a dot; none: any file. */
  readonly extensions?: readonly string[]
}

export interface SaveFile extends ChooseFolder {
  readonly defaultName?: string
}

export interface ShellVersions {
  readonly app: string
  readonly electron: string
  readonly chromium: string
}

/** Null from a dialog: the user closed it. */
export interface DesktopBridge {
  readonly platform: string
  readonly versions: ShellVersions
  chooseFolder(options?: ChooseFolder): Promise<string | null>
  chooseFile(options?: ChooseFile): Promise<string | null>
  chooseSaveAs(options?: SaveFile): Promise<string | null>
  /** Shows a file or folder in the file manager. */
  reveal(path: string): Promise<void>
  keychain(): Promise<KeychainState>
  /** Settings were changed through the API: notifications, login item, theme and updates follow at once. */
  settingsChanged(): Promise<void>
  /** After the API said `denied`: loads the window again, signed in. */
  signIn(): Promise<void>
  updateState(): Promise<UpdateState>
  checkForUpdate(): Promise<UpdateState>
  /** Ends Pomelo's window, installs what is `ready`, and opens it again; volumes stay mounted. */
  installUpdate(): Promise<void>
  /** Calls `listener` with every change; returns what ends that. */
  onUpdate(listener: (state: UpdateState) => void): () => void
}

declare global {
  interface Window {
    readonly pomeloDesktop?: DesktopBridge
  }
}
