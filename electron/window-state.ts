/** Where the window was, and where it may be now that screens have come and gone. No Electron in here. */

export interface Bounds {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface WindowState extends Bounds {
  readonly maximized: boolean
}

export const LEAST_WIDTH = 900
export const LEAST_HEIGHT = 600
const WIDTH = 1280
const HEIGHT = 820
/** So much of the title bar must lie on a screen that it can be taken hold of. */
const GRIP_WIDTH = 120
const GRIP_HEIGHT = 40

/** A state as it was saved; undefined when the text is no state of ours. */
export function parseWindowState(text: string): WindowState | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const { x, y, width, height, maximized } = (value ?? {}) as Record<string, unknown>
  const numbers = [x, y, width, height]
  if (!numbers.every((number) => typeof number === 'number' && Math.abs(number) < 100_000)) return undefined
  const [left, top, wide, high] = numbers.map((number) => Math.round(number as number)) as [
    number,
    number,
    number,
    number,
  ]
  return { x: left, y: top, width: wide, height: high, maximized: maximized === true }
}

/** `areas` are the work areas of the screens, the primary one first. */
export function fitWindow(saved: WindowState | undefined, areas: readonly Bounds[]): WindowState {
  const primary = areas[0] ?? { x: 0, y: 0, width: WIDTH, height: HEIGHT }
  const area =
    saved === undefined ? primary : (areas.find((screen) => canBeGrabbed(saved, screen)) ?? primary)
  const width = clamp(saved?.width ?? WIDTH, Math.min(LEAST_WIDTH, area.width), area.width)
  const height = clamp(saved?.height ?? HEIGHT, Math.min(LEAST_HEIGHT, area.height), area.height)
  const maximized = saved?.maximized ?? false
  if (saved !== undefined && areas.some((screen) => canBeGrabbed(saved, screen)))
    return { x: saved.x, y: saved.y, width, height, maximized }
  const x = area.x + Math.round((area.width - width) / 2)
  const y = area.y + Math.round((area.height - height) / 2)
  return { x, y, width, height, maximized }
}

function canBeGrabbed(window: Bounds, screen: Bounds): boolean {
  const overlap = Math.min(window.x + window.width, screen.x + screen.width) - Math.max(window.x, screen.x)
  const isTopInside = window.y >= screen.y - 1 && window.y + GRIP_HEIGHT <= screen.y + screen.height
  return overlap >= GRIP_WIDTH && isTopInside
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value))
}
