/** Answers the preload script. The only file that knows `ipcMain`; every message is checked for who sends it. */
import { type IpcMainInvokeEvent, ipcMain } from 'electron'
import { CALLS, type CallName, channelOf } from './bridge-calls.ts'

export type CallHandlers = Readonly<Record<CallName, (argument: unknown) => unknown>>

/**
 * `isOurs` says whether an address is that of our page. Messages of other frames, other windows and other origins
 * are refused.
 */
export function answerCalls(
  handlers: CallHandlers,
  isOurs: (address: string, windowId: number) => boolean,
): void {
  for (const call of CALLS)
    ipcMain.handle(channelOf(call), (event, argument: unknown) => {
      if (!isFromPage(event, isOurs)) throw new Error('refused: the message does not come from Pomelo’s page')
      return handlers[call](argument)
    })
}

function isFromPage(
  { senderFrame, sender }: IpcMainInvokeEvent,
  isOurs: (address: string, windowId: number) => boolean,
): boolean {
  if (senderFrame === null || senderFrame.parent !== null) return false
  return isOurs(senderFrame.url, sender.id)
}
