import { Button, Switch, TextInput } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { FileMap } from '#core/api/inspect.ts'
import { useApi } from '../../api/api.ts'
import { CopyText } from '../../components/copy-text.tsx'
import { Empty } from '../../components/empty.tsx'
import { ErrorNote } from '../../components/error-note.tsx'
import { ExportMenu } from '../../components/export-menu.tsx'
import { Facts } from '../../components/facts.tsx'
import { go } from '../../components/navigate.ts'
import { Panel } from '../../components/panel.tsx'
import { volumeHref } from '../../components/route.ts'
import { StackedBar } from '../../components/stacked-bar.tsx'
import { bytes, exactBytes } from '../../format/bytes.ts'
import { count, plural } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import { BlockMap } from './block-map.tsx'
import { ChunkDiagram } from './chunk-diagram.tsx'
import css from './inspect-tab.module.css'
import { nameOf } from './object-panel.tsx'
import { PLACES, placeColor } from './place-colors.ts'
import { RevealLinks } from './reveal-links.tsx'
import { blockTable } from './tables.ts'
import { useTableName, useTask } from './use-inspector.ts'

const words = s.inspect.file
/** Chunks of one page of the map. */
const CHUNKS = 64
const LIVE_MS = 1000

/** Where the bytes of one file are: a map of its blocks, and each chunk as it was written. */
export function FileView({ id, path }: { readonly id: string; readonly path: string | undefined }) {
  return (
    <div className={css.scrolls}>
      <PathForm id={id} path={path} />
      {path === undefined ? (
        <Empty title={words.choose}>
          <p>{words.chooseText}</p>
        </Empty>
      ) : (
        <MapOf id={id} path={path} />
      )}
    </div>
  )
}

function PathForm({ id, path }: { readonly id: string; readonly path: string | undefined }) {
  const [text, setText] = useState(path ?? '')
  return (
    <form
      className={css.bar}
      onSubmit={(event) => {
        event.preventDefault()
        if (text.trim().length > 1) go(volumeHref(id, 'inspect', `/file/${text.trim().replace(/^\/+/, '')}`))
      }}
    >
      <TextInput
        size="xs"
        className={css.grow}
        aria-label={words.path}
        placeholder={words.path}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <Button type="submit" variant="default" size="xs">
        {words.show}
      </Button>
    </form>
  )
}

function MapOf({ id, path }: { readonly id: string; readonly path: string }) {
  const { trpc } = useApi()
  const [from, setFrom] = useState(0)
  const [live, setLive] = useState(true)
  const [chosen, setChosen] = useState<number>()
  const tableName = useTableName(id, `${path.slice(path.lastIndexOf('/') + 1)} ${words.blocks}`)
  const inode = /^\/inode\/(\d+)$/.exec(path)?.[1]
  const read = (first: number, signal: AbortSignal) =>
    trpc.inspect.file.query(
      { id, ...(inode === undefined ? { path } : { inode }), from: first, limit: CHUNKS },
      { signal },
    )
  const { data, error, refetch } = useQuery({
    queryKey: ['inspect', 'file', id, path, from],
    queryFn: ({ signal }) => read(from, signal),
    refetchInterval: live ? LIVE_MS : false,
    placeholderData: keepPreviousData,
  })
  if (error !== null) return <ErrorNote error={error} doing={words.doing} onRetry={() => void refetch()} />
  if (data === undefined) return null
  const chunk = data.chunks.find(({ index }) => index === chosen) ?? data.chunks[0]
  return (
    <>
      <Summary id={id} map={data} />
      <Panel
        title={words.map}
        note={
          data.chunks.length > 0 ? words.chunks(data.chunks[0]!.index, data.chunks.at(-1)!.index) : undefined
        }
        actions={
          <>
            <Switch
              size="xs"
              label={words.live}
              checked={live}
              onChange={(event) => setLive(event.currentTarget.checked)}
            />
            {(from > 0 || data.nextChunk !== null) && (
              <>
                <Button
                  variant="default"
                  size="compact-sm"
                  disabled={from === 0}
                  onClick={() => setFrom(Math.max(0, from - CHUNKS))}
                >
                  {words.earlier}
                </Button>
                <Button
                  variant="default"
                  size="compact-sm"
                  disabled={data.nextChunk === null}
                  onClick={() => setFrom(data.nextChunk ?? from)}
                >
                  {words.later}
                </Button>
              </>
            )}
            <ExportMenu table={blockTable(tableName, read)} disabled={data.chunks.length === 0} />
          </>
        }
      >
        <BlockMap map={data} chosen={chunk?.index} onChoose={setChosen} />
      </Panel>
      {chunk !== undefined && <ChunkDiagram id={id} chunk={chunk} blockSize={data.blockSize} />}
    </>
  )
}

function Summary({ id, map }: { readonly id: string; readonly map: FileMap }) {
  const { file, places, cold, now } = map
  const task = useTask({ started: words.started, doing: words.doingTask })
  const [path] = file.paths
  const cost = ({ requests, bytes: size }: FileMap['cold']) => words.cost(count(requests), bytes(size))
  return (
    <Panel
      title={nameOf(file)}
      note={s.inspect.object.states[file.state]}
      actions={
        path !== undefined &&
        (['warm-up', 'pin', 'drop-cache'] as const).map((kind) => (
          <Button
            key={kind}
            variant="default"
            size="compact-sm"
            onClick={() => task.mutate({ kind, id, paths: [path] })}
          >
            {{ 'warm-up': words.warmUp, pin: words.pin, 'drop-cache': words.drop }[kind]}
          </Button>
        ))
      }
    >
      <div className={css.two}>
        <StackedBar
          label={words.map}
          parts={PLACES.map((place) => ({
            key: s.inspect.places[place],
            label: s.inspect.places[place],
            value: places[place].bytes,
            color: placeColor(place),
            text: `${bytes(places[place].bytes)}, ${plural(places[place].count, 'block')}`,
          }))}
        />
        <Facts
          facts={[
            ...(path === undefined
              ? []
              : [
                  { label: words.where, value: <Place id={id} path={path} isLive={file.state === 'live'} /> },
                ]),
            {
              label: words.length,
              value: file.length === null ? '–' : bytes(file.length),
              hover: file.length === null ? undefined : exactBytes(file.length),
            },
            { label: words.now, value: cost(now) },
            { label: words.cold, value: cost(cold) },
            ...(file.paths.length > 1 ? [{ label: words.links, value: file.paths.slice(1).join(', ') }] : []),
          ]}
        />
      </div>
    </Panel>
  )
}

interface PlaceProps {
  readonly id: string
  readonly path: string
  readonly isLive: boolean
}

function Place({ id, path, isLive }: PlaceProps) {
  return (
    <span className={css.place}>
      <CopyText text={path} className={css.mono} />
      {isLive && <RevealLinks id={id} path={path} />}
    </span>
  )
}
