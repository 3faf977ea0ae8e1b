/** What to say when the user quits. Volume processes outlive the window by design: quitting never unmounts. */
import type { Volume } from '#core/api/volumes.ts'
import { bytesText } from './units.ts'

export interface QuitQuestion {
  readonly message: string
  readonly detail: string
  /** In this order; the first is the default, the last leaves everything as it is. */
  readonly buttons: readonly ['Quit when uploaded', 'Quit now', 'Cancel']
}

export type QuitAnswer = 'wait' | 'now' | 'cancel'

/** Undefined: nothing is only on this computer, so quitting needs no question. `volumes` undefined: nobody answers. */
export function quitQuestion(volumes: readonly Volume[] | undefined): QuitQuestion | undefined {
  const unsafe = (volumes ?? []).filter((volume) => !volume.safeToShutDown)
  if (unsafe.length === 0) return undefined
  const bytes = unsafe.reduce((sum, { pending }) => sum + pending.bytes, 0)
  const names = unsafe.map(({ name }) => name)
  const of = names.length > 3 ? `${names.length} volumes` : names.join(', ')
  return {
    message: `${bytesText(bytes)} of ${of} still to upload`,
    detail:
      'Volumes stay mounted when Pomelo’s window is gone, and uploading goes on in the background. ' +
      'What is not uploaded yet is on this computer only: do not switch it off before.',
    buttons: ['Quit when uploaded', 'Quit now', 'Cancel'],
  }
}

export function quitAnswer(button: number): QuitAnswer {
  return (['wait', 'now', 'cancel'] as const)[button] ?? 'cancel'
}
