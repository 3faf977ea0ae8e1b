import { Button } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import { useApi } from '../../api/api.ts'
import { usePinActions } from '../../api/pins.ts'
import { Crumbs } from '../../components/crumbs.tsx'
import { DropDialog } from '../../components/drop-dialog.tsx'
import { ErrorNote } from '../../components/error-note.tsx'
import { Panel } from '../../components/panel.tsx'
import map from '../../components/treemap.module.css'
import { squarify } from '../../components/treemap.ts'
import { useWidth } from '../../components/use-width.ts'
import { WarmUpDialog } from '../../components/warm-up-dialog.tsx'
import { bytes } from '../../format/bytes.ts'
import { percent } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import css from './cache-tab.module.css'
import { countShares, NO_SHARES, type Share, type Shares } from './folder-shares.ts'

const LEAST_HEIGHT = 360
/** What stands above and below the map in the window. */
const AROUND = 640
/** Cells smaller than this have no room for words. */
const LEAST_TEXT = { width: 64, height: 36 }

/** Folders by their bytes in the cache: the area is what is here, the filling its share of the whole. */
export function CacheMap({ id }: { readonly id: string }) {
  const [path, setPath] = useState('/')
  const { shares, counted, toCount, left, error, again } = useShares(id, path)
  const [chosen, setChosen] = useState<string | null>(null)
  const [warming, setWarming] = useState(false)
  const pins = usePinActions(id)
  const [dropping, setDropping] = useState(false)
  const words = s.cache.map
  const cached = shares.reduce((sum, share) => sum + share.cachedBytes, 0)
  const all = shares.reduce((sum, share) => sum + share.bytes, 0)
  const target = shares.find((share) => share.path === chosen)
  return (
    <Panel
      title={words.title}
      note={counted < toCount ? words.counting(counted, toCount) : words.note(bytes(cached), bytes(all))}
      actions={<Crumbs label={words.path} path={path} root={s.files.root} onPath={setPath} />}
    >
      {error !== null && <ErrorNote error={error} doing={words.reading} onRetry={again} />}
      <Cells path={path} shares={shares} chosen={chosen} onChoose={setChosen} onOpen={setPath} />
      {counted === toCount && cached === 0 && error === null && (
        <p className={css.none}>
          {words.none} {words.emptyText}
        </p>
      )}
      {left > 0 && <p className={css.dim}>{words.rest(left)}</p>}
      <footer className={css.foot}>
        <span className={css.chosen}>
          {target === undefined
            ? words.choose
            : words.chosen(target.name, bytes(target.cachedBytes), bytes(target.bytes))}
        </span>
        {target !== undefined && (
          <>
            {target.isFolder && (
              <Button variant="default" size="compact-sm" onClick={() => setPath(target.path)}>
                {words.open}
              </Button>
            )}
            <Button variant="default" size="compact-sm" onClick={() => setWarming(true)}>
              {words.warmUp}
            </Button>
            <Button variant="default" size="compact-sm" onClick={() => pins.pin([target.path], target.name)}>
              {s.cache.pins.pin}
            </Button>
            <Button variant="default" size="compact-sm" onClick={() => setDropping(true)}>
              {words.drop}
            </Button>
          </>
        )}
      </footer>
      {dropping && target !== undefined && (
        <DropDialog
          id={id}
          path={target.path}
          what={target.name}
          here={bytes(target.cachedBytes)}
          onClose={() => setDropping(false)}
        />
      )}
      {warming && target !== undefined && (
        <WarmUpDialog id={id} paths={[target.path]} what={target.name} onClose={() => setWarming(false)} />
      )}
    </Panel>
  )
}

interface CellsProps {
  readonly path: string
  readonly shares: readonly Share[]
  readonly chosen: string | null
  readonly onChoose: (path: string) => void
  readonly onOpen: (path: string) => void
}

function Cells({ path, shares, chosen, onChoose, onOpen }: CellsProps) {
  const host = useRef<HTMLUListElement>(null)
  const width = useWidth(host, 4)
  const height = Math.max(LEAST_HEIGHT, window.innerHeight - AROUND)
  const words = s.cache.map
  const drawn = shares.filter(({ cachedBytes }) => cachedBytes > 0)
  const rects = squarify(
    drawn.map(({ cachedBytes }) => cachedBytes),
    width,
    height,
  )
  return (
    <ul ref={host} className={map.map} style={{ height }} aria-label={words.label(path)}>
      {drawn.map((share, at) => {
        const { x, y, width: wide, height: high } = rects[at]!
        const text = words.cell(
          share.name,
          bytes(share.cachedBytes),
          bytes(share.bytes),
          percent(share.cachedBytes, share.bytes),
        )
        return (
          <li key={share.path} style={{ left: x, top: y, width: wide, height: high }}>
            <button
              type="button"
              className={map.cell}
              aria-label={text}
              aria-pressed={share.path === chosen}
              title={share.partial ? `${words.partial} ${text}` : text}
              onClick={() => onChoose(share.path)}
              onDoubleClick={() => share.isFolder && onOpen(share.path)}
            >
              <span className={`${map.filling} ${css.cached}`} style={{ width: percentOf(share) }} />
              {wide >= LEAST_TEXT.width && high >= LEAST_TEXT.height && (
                <span className={map.words} aria-hidden>
                  <strong>{share.name}</strong>
                  <span>
                    {bytes(share.cachedBytes)} · {percent(share.cachedBytes, share.bytes)}
                  </span>
                </span>
              )}
            </button>
          </li>
        )
      })}
    </ul>
  )
}

function percentOf({ cachedBytes, bytes: whole }: Share): string {
  return `${whole > 0 ? Math.min(100, (cachedBytes / whole) * 100) : 0}%`
}

function useShares(
  id: string,
  path: string,
): Shares & { readonly error: unknown; readonly again: () => void } {
  const { trpc } = useApi()
  const [state, setState] = useState<Shares & { readonly error: unknown }>({ ...NO_SHARES, error: null })
  const [turn, setTurn] = useState(0)
  // biome-ignore lint/correctness/useExhaustiveDependencies: a turn counts again
  useEffect(() => {
    const stop = new AbortController()
    const { signal } = stop
    setState({ ...NO_SHARES, toCount: 1, error: null })
    trpc.files.list
      .query({ id, path, limit: 1000 }, { signal })
      .then(({ entries }) =>
        countShares(
          entries,
          (each) => trpc.files.cacheEstimate.query({ id, paths: [each] }, { signal }),
          (shares) => setState({ ...shares, error: null }),
          signal,
        ),
      )
      .catch((error: unknown) => {
        if (!signal.aborted) setState((now) => ({ ...now, toCount: now.counted, error }))
      })
    return () => stop.abort()
  }, [trpc, id, path, turn])
  return { ...state, again: () => setTurn((now) => now + 1) }
}
