import { useRef } from 'react'
import type { BlockView, ChunkMap, RecordView } from '#core/api/inspect.ts'
import { Panel } from '../../components/panel.tsx'
import { PlainTable } from '../../components/plain-table.tsx'
import { volumeHref } from '../../components/route.ts'
import { useWidth } from '../../components/use-width.ts'
import { bytes, exactBytes } from '../../format/bytes.ts'
import { count } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import css from './block-map.module.css'
import { blocksOf, CHUNK, extentOf, seenOf, ticksOf } from './chunk-scale.ts'
import { placeColor } from './place-colors.ts'

const words = s.inspect.file
/** Of one row, px: words, the slice, its blocks. */
const LABEL = 14
const BAR = 16
const BLOCKS = 7
const STEP = LABEL + BAR + BLOCKS + 7
const AXIS = 18
const MOST_ROWS = 40
/** Room for the words above a slice, and at a mark of the axis. */
const LABEL_WIDTH = 320
const TICK_WIDTH = 64

interface Props {
  readonly id: string
  readonly chunk: ChunkMap
  readonly blockSize: number
}

/**
 * One chunk to scale: each slice as it was written, oldest on top, its blocks under it by where they are, and last what a
 * reader sees of them all.
 */
export function ChunkDiagram({ id, chunk, blockSize }: Props) {
  const host = useRef<HTMLDivElement>(null)
  const width = useWidth(host)
  const records = chunk.records.slice(-MOST_ROWS)
  const older = chunk.records.length - records.length
  const start = chunk.index * CHUNK
  const extent = extentOf(chunk)
  const x = (position: number) => ((position - start) / extent) * width
  const bottom = (records.length + 1) * STEP - BLOCKS
  return (
    <Panel title={words.chunk(chunk.index)} note={words.extent(bytes(extent), bytes(CHUNK))}>
      {older > 0 && <p className={css.note}>{words.older(count(older))}</p>}
      <div ref={host}>
        <svg
          className={css.diagram}
          style={{ height: bottom + AXIS }}
          role="img"
          aria-label={records.map((record, k) => rowText(record, older + k)).join('; ')}
        >
          <defs>
            <pattern
              id="inspect-hatch"
              width="6"
              height="6"
              patternUnits="userSpaceOnUse"
              patternTransform="rotate(45)"
            >
              <rect width="2" height="6" fill="var(--text-faint)" />
            </pattern>
          </defs>
          {ticksOf(extent, width / TICK_WIDTH).map((at) => (
            <g key={at}>
              <line className={css.tick} x1={x(start + at)} x2={x(start + at)} y1={LABEL} y2={bottom + 4} />
              <text x={x(start + at)} y={bottom + AXIS - 2} className={at === 0 ? undefined : css.middle}>
                {bytes(start + at)}
              </text>
            </g>
          ))}
          {records.map((record, k) => (
            <Row
              // biome-ignore lint/suspicious/noArrayIndexKey: the order of writing is what tells them apart
              key={k}
              record={record}
              label={rowText(record, older + k)}
              y={k * STEP}
              chunk={chunk}
              blockSize={blockSize}
              x={x}
              room={width}
            />
          ))}
          <text x={0} y={records.length * STEP + LABEL - 4}>
            {words.view}
          </text>
          {chunk.view.map(({ start: from, end, slice }) => (
            <Bar
              key={from}
              from={x(from)}
              to={x(end)}
              y={records.length * STEP + LABEL}
              slice={slice}
              title={`${slice === 0 ? words.hole : words.slice(slice)}: ${exactBytes(end - from)}`}
            />
          ))}
        </svg>
      </div>
      <Blocks id={id} blocks={chunk.blocks} />
    </Panel>
  )
}

function rowText({ slice, len, shownBytes }: RecordView, nth: number): string {
  if (slice === 0) return `${words.zeros}, ${bytes(len)}`
  return `${words.sliceRow(nth + 1, slice)}: ${words.shownOf(bytes(shownBytes), bytes(len))}`
}

interface RowProps {
  readonly record: RecordView
  readonly label: string
  readonly y: number
  readonly chunk: ChunkMap
  readonly blockSize: number
  readonly x: (position: number) => number
  /** Width of the whole, px. */
  readonly room: number
}

function Row({ record, label, y, chunk, blockSize, x, room }: RowProps) {
  const { slice, position, len } = record
  const from = x(position)
  const to = x(position + len)
  const top = y + LABEL
  return (
    <g>
      <text x={Math.max(0, Math.min(from, room - LABEL_WIDTH))} y={top - 4}>
        {label}
      </text>
      <rect x={from} y={top} width={widthOf(from, to)} height={BAR} className={css.row} />
      <rect x={from} y={top} width={widthOf(from, to)} height={BAR} className={css.hidden} />
      {seenOf(chunk, record).map(({ start, end }) => (
        <Bar key={start} from={x(start)} to={x(end)} y={top} slice={slice} title={label} />
      ))}
      {blocksOf(chunk, record, blockSize).map(({ block, start, end }) => (
        <rect
          key={block.key}
          x={x(start)}
          y={top + BAR + 1}
          width={widthOf(x(start), x(end))}
          height={BLOCKS}
          fill={placeColor(block.place)}
          className={css.line}
        >
          <title>{`${block.key}\n${exactBytes(block.size)}\n${s.inspect.places[block.place]}`}</title>
        </rect>
      ))}
    </g>
  )
}

interface BarProps {
  readonly from: number
  readonly to: number
  readonly y: number
  /** 0: a hole. */
  readonly slice: number
  readonly title: string
}

/** The same slice has the same colour everywhere, and the next one another. */
function Bar({ from, to, y, slice, title }: BarProps) {
  return (
    <rect
      x={from}
      y={y}
      width={widthOf(from, to)}
      height={BAR}
      className={css.line}
      fill={slice === 0 ? 'var(--sunken)' : `var(--series-${1 + (slice % 3)})`}
    >
      <title>{title}</title>
    </rect>
  )
}

/** Nothing is so small that it is not there. */
function widthOf(from: number, to: number): number {
  return Math.max(1, to - from)
}

function Blocks({ id, blocks }: { readonly id: string; readonly blocks: readonly BlockView[] }) {
  return (
    <PlainTable
      label={words.blocks}
      columns={[
        { title: words.blockColumns.key },
        { title: words.blockColumns.size, end: true },
        { title: words.blockColumns.place },
        { title: words.blockColumns.shown, end: true },
      ]}
      rows={blocks.map(({ key, size, place, shown }) => {
        const seen = shown.reduce((sum, { start: from, end }) => sum + end - from, 0)
        return {
          key,
          hover: key,
          cells: [
            <a key="key" className={css.link} href={volumeHref(id, 'inspect', `/bucket/${key}`)}>
              <code>{key.slice(key.lastIndexOf('/') + 1)}</code>
            </a>,
            bytes(size),
            <span key="place" className={place === 'missing' ? css.missing : undefined}>
              <span
                className={`${css.swatch} ${css.inline}`}
                style={{ background: placeColor(place) }}
                aria-hidden
              />{' '}
              {s.inspect.places[place]}
            </span>,
            seen === size ? words.all : seen === 0 ? words.none : bytes(seen),
          ],
        }
      })}
    />
  )
}
