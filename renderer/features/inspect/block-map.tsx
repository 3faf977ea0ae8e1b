import { useEffect, useMemo, useRef, useState } from 'react'
import type { FileMap } from '#core/api/inspect.ts'
import { useWidth } from '../../components/use-width.ts'
import { bytes } from '../../format/bytes.ts'
import { count } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import { useScheme } from '../../theme/scheme.ts'
import { type BlockGrid, CELL, type Cell, cellAt, layOut } from './block-grid.ts'
import css from './block-map.module.css'
import { nameOf } from './object-panel.tsx'
import { PLACES, placeColor, placePaint } from './place-colors.ts'

interface Props {
  readonly map: FileMap
  /** Chunk that is looked at. */
  readonly chosen: number | undefined
  readonly onChoose: (chunk: number) => void
}

/** One cell a block, coloured by where it is; what newer writes hide is hatched. Drawn on a canvas: there may be thousands. */
export function BlockMap({ map, chosen, onChoose }: Props) {
  const host = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const width = useWidth(host)
  const scheme = useScheme()
  const grid = useMemo(() => layOut(map, Math.max(width, CELL)), [map, width])
  const [over, setOver] = useState<Cell>()
  // biome-ignore lint/correctness/useExhaustiveDependencies: another theme has other colours
  useEffect(() => {
    if (canvas.current !== null && width > 0) draw(canvas.current, grid, width, chosen)
  }, [grid, width, chosen, scheme])
  const words = s.inspect.file
  const at = (event: React.MouseEvent) => {
    const { left, top } = event.currentTarget.getBoundingClientRect()
    return cellAt(grid, event.clientX - left, event.clientY - top)
  }
  return (
    <div ref={host}>
      <canvas
        ref={canvas}
        className={css.canvas}
        role="img"
        aria-label={words.mapLabel(nameOf(map.file), count(grid.cells.length))}
        style={{ height: grid.height }}
        title={over && hoverOf(over)}
        onMouseMove={(event) => setOver(at(event))}
        onClick={(event) => {
          const cell = at(event)
          if (cell !== undefined) onChoose(cell.chunk)
        }}
      />
      <p className={css.legend}>
        {PLACES.map((place) => (
          <span key={place}>
            <span className={css.swatch} style={{ background: placeColor(place) }} aria-hidden />
            {s.inspect.places[place]}
          </span>
        ))}
        <span>
          <span className={`${css.swatch} ${css.hatched}`} aria-hidden />
          {words.hatched}
        </span>
      </p>
      <label className={css.choose}>
        {words.chosen}
        <select value={chosen ?? ''} onChange={(event) => onChoose(Number(event.currentTarget.value))}>
          {map.chunks.map(({ index }) => (
            <option key={index} value={index}>
              {words.chunk(index)}
            </option>
          ))}
        </select>
      </label>
    </div>
  )
}

function hoverOf({ chunk, block, shown }: Cell): string {
  const words = s.inspect.file
  return [
    block.key,
    `${words.chunk(chunk)}, ${bytes(block.size)}`,
    s.inspect.places[block.place],
    words.shownOf(bytes(shown * block.size), bytes(block.size)),
  ].join('\n')
}

function draw(
  canvas: HTMLCanvasElement,
  { cells, height }: BlockGrid,
  width: number,
  chosen: number | undefined,
): void {
  const scale = window.devicePixelRatio
  canvas.width = width * scale
  canvas.height = height * scale
  const paint = canvas.getContext('2d')
  if (paint === null) return
  const style = getComputedStyle(canvas)
  const surface = style.getPropertyValue('--surface')
  const accent = style.getPropertyValue('--accent')
  const colors = Object.fromEntries(PLACES.map((place) => [place, placePaint(place, style)]))
  paint.scale(scale, scale)
  paint.lineWidth = 1
  for (const { x, y, block, shown, chunk } of cells) {
    paint.fillStyle = colors[block.place] ?? accent
    paint.fillRect(x, y, CELL, CELL)
    if (shown < 1) hatch(paint, x, y, (1 - shown) * CELL, surface)
    if (chunk !== chosen) continue
    paint.strokeStyle = accent
    paint.strokeRect(x - 0.5, y - 0.5, CELL + 1, CELL + 1)
  }
}

/** Lines over the right part of a cell, as wide as what is hidden. */
function hatch(paint: CanvasRenderingContext2D, x: number, y: number, width: number, color: string): void {
  paint.save()
  paint.beginPath()
  paint.rect(x + CELL - width, y, width, CELL)
  paint.clip()
  paint.strokeStyle = color
  paint.lineWidth = 2
  paint.beginPath()
  for (let at = -CELL; at < CELL; at += 5) {
    paint.moveTo(x + at, y + CELL)
    paint.lineTo(x + at + CELL, y)
  }
  paint.stroke()
  paint.restore()
}
