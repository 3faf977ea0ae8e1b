import { useRef } from 'react'
import type { ChunkMap, RecordView } from '#core/api/inspect.ts'
import { Panel } from '../../components/panel.tsx'
import { PlainTable } from '../../components/plain-table.tsx'
import { volumeHref } from '../../components/route.ts'
import { useWidth } from '../../components/use-width.ts'
import { bytes, exactBytes } from '../../format/bytes.ts'
import { s } from '../../strings/strings.ts'
import css from './block-map.module.css'
import { placeColor } from './place-colors.ts'

const CHUNK = 64 * 2 ** 20
const ROW = 18
const STEP = 34
const MOST_ROWS = 40
/** Room for the words above a slice. */
const LABEL = 320

/** One chunk to scale: each slice as it was written, oldest on top, then what a reader sees of them, then the blocks. */
export function ChunkDiagram({ id, chunk }: { readonly id: string; readonly chunk: ChunkMap }) {
  const words = s.inspect.file
  const records = chunk.records.slice(-MOST_ROWS)
  const height = (records.length + 1) * STEP
  const start = chunk.index * CHUNK
  const host = useRef<HTMLDivElement>(null)
  const width = useWidth(host)
  const x = (position: number) => ((position - start) / CHUNK) * width
  return (
    <Panel title={words.chunk(chunk.index)} note={`${words.slices}, ${words.view}`}>
      <div ref={host}>
        <svg
          className={css.diagram}
          style={{ height }}
          role="img"
          aria-label={records
            .map((record, k) => rowText(record, chunk.records.length - records.length + k))
            .join('; ')}
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
          {records.map((record, k) => (
            <Row
              // biome-ignore lint/suspicious/noArrayIndexKey: the order of writing is what tells them apart
              key={k}
              record={record}
              label={rowText(record, chunk.records.length - records.length + k)}
              y={k * STEP}
              chunk={chunk}
              x={x}
              room={width}
            />
          ))}
          <text x={0} y={records.length * STEP + 10}>
            {words.view}
          </text>
          {chunk.view.map(({ start: from, end, slice }) => (
            <rect
              key={from}
              x={x(from)}
              y={records.length * STEP + 14}
              width={Math.max(0.5, x(end) - x(from))}
              height={ROW}
              fill={slice === 0 ? 'var(--sunken)' : colorOf(slice)}
              className={css.line}
            >
              <title>{`${slice === 0 ? words.hole : words.slices} ${slice || ''} ${exactBytes(end - from)}`}</title>
            </rect>
          ))}
        </svg>
      </div>
      <PlainTable
        label={words.blocks}
        columns={[
          { title: words.blockColumns.key },
          { title: words.blockColumns.size, end: true },
          { title: words.blockColumns.place },
          { title: words.blockColumns.shown, end: true },
        ]}
        rows={chunk.blocks.map(({ key, size, place, shown }) => {
          const seen = shown.reduce((sum, { start: from, end }) => sum + end - from, 0)
          return {
            key,
            hover: key,
            cells: [
              <a key="key" className={css.link} href={volumeHref(id, 'inspect', `/bucket/${key}`)}>
                <code>{key.slice(key.lastIndexOf('/') + 1)}</code>
              </a>,
              bytes(size),
              <span key="place" style={{ color: place === 'missing' ? 'var(--bad-text)' : undefined }}>
                <span
                  className={css.swatch}
                  style={{ background: placeColor(place), display: 'inline-block' }}
                  aria-hidden
                />{' '}
                {s.inspect.places[place]}
              </span>,
              seen === size ? words.all : seen === 0 ? words.none : bytes(seen),
            ],
          }
        })}
      />
    </Panel>
  )
}

function rowText({ slice, len, shownBytes }: RecordView, nth: number): string {
  const words = s.inspect.file
  if (slice === 0) return `${words.zeros}, ${bytes(len)}`
  return `${words.sliceRow(nth + 1, slice)}: ${words.shownOf(bytes(shownBytes), bytes(len))}`
}

interface RowProps {
  readonly record: RecordView
  readonly label: string
  readonly y: number
  readonly chunk: ChunkMap
  readonly x: (position: number) => number
  /** Width of the whole, px. */
  readonly room: number
}

function Row({ record, label, y, chunk, x, room }: RowProps) {
  const { slice, position, len, off } = record
  const from = x(position)
  const width = Math.max(0.5, x(position + len) - from)
  // What a reader sees of this slice, within this record.
  const seen = chunk.view.filter(
    (piece) =>
      piece.slice === slice &&
      slice !== 0 &&
      piece.start >= position &&
      piece.end <= position + len &&
      piece.off - off === piece.start - position,
  )
  return (
    <g>
      <text x={Math.max(0, Math.min(from, room - LABEL))} y={y + 10}>
        {label}
      </text>
      <rect x={from} y={y + 14} width={width} height={ROW} className={css.row} />
      <rect x={from} y={y + 14} width={width} height={ROW} className={css.hidden} />
      {seen.map(({ start, end }) => (
        <rect
          key={start}
          x={x(start)}
          y={y + 14}
          width={Math.max(0.5, x(end) - x(start))}
          height={ROW}
          fill={colorOf(slice)}
          className={css.line}
        />
      ))}
    </g>
  )
}

/** Slices of one chunk are told apart by shade: the same slice has the same everywhere. */
function colorOf(slice: number): string {
  const share = 45 + ((slice * 37) % 5) * 12
  return `color-mix(in srgb, var(--accent) ${share}%, var(--series-2))`
}
