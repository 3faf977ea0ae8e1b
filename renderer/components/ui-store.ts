/** What the window itself remembers: dialogs that any place may open, and messages. Nothing of the server's. */
import { create } from 'zustand'

export interface Message {
  readonly key: number
  readonly tone: 'good' | 'bad'
  readonly text?: string
  readonly error?: unknown
  readonly doing?: string
  readonly meaning?: string
}

/** Dialogs about one volume. */
export type VolumeDialog = 'unmount' | 'remove' | 'destroy' | 'export' | 'details'

interface UiState {
  readonly paletteOpen: boolean
  readonly helpOpen: boolean
  readonly dialog: { readonly kind: VolumeDialog; readonly id: string } | null
  readonly messages: readonly Message[]
  openPalette(open: boolean): void
  openHelp(open: boolean): void
  openDialog(kind: VolumeDialog, id: string): void
  closeDialog(): void
  say(text: string): void
  fail(error: unknown, doing: string, meaning?: string): void
  dismiss(key: number): void
}

const MOST_MESSAGES = 4
let lastKey = 0

export const useUi = create<UiState>((set) => ({
  paletteOpen: false,
  helpOpen: false,
  dialog: null,
  messages: [],
  openPalette: (paletteOpen) => set({ paletteOpen }),
  openHelp: (helpOpen) => set({ helpOpen }),
  openDialog: (kind, id) => set({ dialog: { kind, id } }),
  closeDialog: () => set({ dialog: null }),
  say: (text) =>
    set(({ messages }) => ({ messages: added(messages, { key: ++lastKey, tone: 'good', text }) })),
  fail: (error, doing, meaning) =>
    set(({ messages }) => ({
      messages: added(messages, { key: ++lastKey, tone: 'bad', error, doing, meaning }),
    })),
  dismiss: (key) => set(({ messages }) => ({ messages: messages.filter((each) => each.key !== key) })),
}))

function added(messages: readonly Message[], message: Message): readonly Message[] {
  return [...messages, message].slice(-MOST_MESSAGES)
}
