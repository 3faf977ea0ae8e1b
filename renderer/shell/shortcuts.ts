/** Keys that work anywhere in the window. */
import { useEffect } from 'react'
import { volumeStore } from '../api/live.ts'
import { matches } from '../components/key-names.ts'
import { go } from '../components/navigate.ts'
import { hrefOf, type Route, VOLUME_TABS, volumeHref } from '../components/route.ts'
import { useUi } from '../components/ui-store.ts'
import { isUp, useVolumeActions, type VolumeActions } from '../components/volume-actions.ts'
import { sortedVolumes } from '../components/volume-order.ts'

export const KEYS = {
  palette: 'mod+k',
  help: '?',
  filter: 'mod+f',
  newVolume: 'mod+n',
  activity: 'mod+shift+a',
  settings: 'mod+,',
  next: 'alt+arrowdown',
  previous: 'alt+arrowup',
  mount: 'mod+m',
  open: 'mod+o',
} as const

export function useShortcuts(route: Route): void {
  const actions = useVolumeActions()
  useEffect(() => {
    function onKeyDown(event: KeyboardEvent): void {
      if (event.defaultPrevented) return
      if (run(event, route, actions)) event.preventDefault()
    }
    window.addEventListener('keydown', onKeyDown)
    return () => window.removeEventListener('keydown', onKeyDown)
  }, [route, actions])
}

/** True when the key meant something here. */
function run(event: KeyboardEvent, route: Route, actions: VolumeActions): boolean {
  const { openPalette, openHelp, dialog } = useUi.getState()
  if (matches(event, KEYS.palette)) {
    openPalette(true)
    return true
  }
  // A dialog has the keys to itself.
  if (dialog !== null) return false
  if (matches(event, KEYS.newVolume)) go(hrefOf({ page: 'new' }))
  else if (matches(event, KEYS.activity)) go(hrefOf({ page: 'activity' }))
  else if (matches(event, KEYS.settings)) go(hrefOf({ page: 'settings' }))
  else if (matches(event, KEYS.filter)) return focusFilter()
  else if (matches(event, KEYS.help) && !isTyping(event.target)) openHelp(true)
  else return runOnVolume(event, route, actions)
  return true
}

function runOnVolume(event: KeyboardEvent, route: Route, actions: VolumeActions): boolean {
  const step = matches(event, KEYS.next) ? 1 : matches(event, KEYS.previous) ? -1 : 0
  if (step !== 0) return stepVolume(route, step)
  if (route.page !== 'volume') return false
  const volume = volumeStore.get(route.id)
  const tab = VOLUME_TABS.findIndex((_, at) => matches(event, `mod+${at + 1}`))
  if (tab >= 0) go(volumeHref(route.id, VOLUME_TABS[tab]))
  else if (volume === undefined) return false
  else if (matches(event, KEYS.mount)) isUp(volume) ? actions.unmount(volume) : actions.mount(volume)
  else if (matches(event, KEYS.open)) actions.openFolder(volume)
  else return false
  return true
}

function stepVolume(route: Route, step: number): boolean {
  const volumes = sortedVolumes(volumeStore.list, '')
  if (volumes.length === 0) return false
  const at = route.page === 'volume' ? volumes.findIndex(({ id }) => id === route.id) : step > 0 ? -1 : 0
  const next = volumes[(at + step + volumes.length) % volumes.length]!
  go(volumeHref(next.id, route.page === 'volume' ? route.tab : 'overview'))
  return true
}

function focusFilter(): boolean {
  const filter = document.getElementById('volume-filter')
  filter?.focus()
  return filter !== null
}

export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName))
  )
}
