import { Button, SegmentedControl } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import { useApi } from '../../api/api.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { useOverflow } from '../../components/use-overflow.ts'
import { useWidth } from '../../components/use-width.ts'
import { bytes } from '../../format/bytes.ts'
import { s } from '../../strings/strings.ts'
import { hexLines, shownText } from './hex.ts'
import css from './object-panel.module.css'

const PIECE = 4096
/** px that a line of sixteen bytes takes. */
const WIDE = 530

/** The bytes of a block as its files see them, a piece at a time. Read only when asked for. */
export function BlockPreview({ id, objectKey }: { readonly id: string; readonly objectKey: string }) {
  const { trpc } = useApi()
  const words = s.inspect.preview
  const [offset, setOffset] = useState<number>()
  const [isText, setText] = useState(false)
  const host = useRef<HTMLElement>(null)
  const whole = useRef<HTMLElement>(null)
  const isWide = useWidth(whole) >= WIDE
  const scrolls = useOverflow(host)
  const { data, error, isFetching, refetch } = useQuery({
    queryKey: ['inspect', 'block', id, objectKey, offset],
    queryFn: ({ signal }) =>
      trpc.inspect.block.query({ id, key: objectKey, offset: offset ?? 0, length: PIECE }, { signal }),
    enabled: offset !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
  })
  const piece =
    data === undefined ? undefined : Uint8Array.from(atob(data.data), (char) => char.charCodeAt(0))
  return (
    <section ref={whole}>
      <div className={css.row}>
        <h3>{words.title}</h3>
        <span className={css.grow} />
        {offset !== undefined && (
          <SegmentedControl
            size="xs"
            aria-label={words.label}
            value={isText ? 'text' : 'hex'}
            onChange={(value) => setText(value === 'text')}
            data={[
              { value: 'hex', label: words.hex },
              { value: 'text', label: words.text },
            ]}
          />
        )}
      </div>
      {offset === undefined && (
        <Button variant="default" size="compact-sm" onClick={() => setOffset(0)}>
          {words.show}
        </Button>
      )}
      {error !== null && <ErrorNote error={error} doing={words.doing} onRetry={() => void refetch()} />}
      {data !== undefined && piece !== undefined && (
        <>
          <section
            ref={host}
            className={css.bytes}
            data-text={isText || undefined}
            tabIndex={scrolls ? 0 : undefined}
            aria-label={words.label}
          >
            {isText ? shownText(piece) : hexLines(piece, data.offset, isWide ? 16 : 8)}
          </section>
          <div className={css.row}>
            <span className={`${css.dim} ${css.grow}`}>
              {words.range(bytes(data.offset), bytes(data.offset + piece.length), bytes(data.size))}
            </span>
            <Button
              variant="default"
              size="compact-sm"
              disabled={data.offset === 0 || isFetching}
              onClick={() => setOffset(Math.max(0, data.offset - PIECE))}
            >
              {words.back}
            </Button>
            <Button
              variant="default"
              size="compact-sm"
              disabled={data.offset + piece.length >= data.size || isFetching}
              onClick={() => setOffset(data.offset + PIECE)}
            >
              {words.next}
            </Button>
          </div>
        </>
      )}
    </section>
  )
}
