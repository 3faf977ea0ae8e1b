import { Button, NativeSelect, NumberInput, TextInput } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import type { ShownOperation, TraceBatch } from '#core/api/inspect.ts'
import { useApi } from '../../api/api.ts'
import { useVolume } from '../../api/live.ts'
import { Empty } from '../../components/empty.tsx'
import { ErrorNote } from '../../components/error-note.tsx'
import { ExportMenu } from '../../components/export-menu.tsx'
import { type Column, Grid } from '../../components/grid.tsx'
import { Notice } from '../../components/notice.tsx'
import { volumeHref } from '../../components/route.ts'
import { bytes } from '../../format/bytes.ts'
import { count } from '../../format/number.ts'
import { clock, latency } from '../../format/time.ts'
import { s } from '../../strings/strings.ts'
import { slowest, traceTable } from './tables.ts'
import css from './trace-view.module.css'
import { useTableName } from './use-inspector.ts'

const words = s.inspect.trace
const MOST = 2000
const OPS = [
  ...[
    'read',
    'write',
    'lookup',
    'getattr',
    'setattr',
    'open',
    'create',
    'mkdir',
    'unlink',
    'rmdir',
    'rename',
  ],
  ...[
    'link',
    'symlink',
    'readdir',
    'flush',
    'fsync',
    'release',
    'fallocate',
    'copyFileRange',
    'setlk',
    'flock',
  ],
]

interface Filter {
  readonly op: string
  readonly path: string
  readonly pid: number | undefined
  readonly slowerMs: number | undefined
}

/** Operations of the mount as they happen. Nothing runs until it is started, nor when it is left. */
export function TraceView({ id }: { readonly id: string }) {
  const volume = useVolume(id)
  const [filter, setFilter] = useState<Filter>({ op: '', path: '', pid: undefined, slowerMs: undefined })
  const [running, setRunning] = useState(false)
  const { rows, dropped, error, clear } = useTrace(id, running ? filter : undefined, () => setRunning(false))
  const tableName = useTableName(id, s.inspect.views.trace)
  const isMounted = volume !== undefined && volume.status.state !== 'unmounted'
  return (
    <div className={css.trace}>
      <form
        className={css.bar}
        onSubmit={(event) => {
          event.preventDefault()
          setRunning(!running)
        }}
      >
        <NativeSelect
          size="xs"
          label={words.op}
          value={filter.op}
          disabled={running}
          onChange={(event) => setFilter({ ...filter, op: event.currentTarget.value })}
          data={[{ value: '', label: words.anyOp }, ...OPS]}
        />
        <TextInput
          size="xs"
          label={words.path}
          value={filter.path}
          disabled={running}
          onChange={(event) => setFilter({ ...filter, path: event.currentTarget.value })}
        />
        <NumberInput
          size="xs"
          label={words.pid}
          hideControls
          min={0}
          value={filter.pid ?? ''}
          disabled={running}
          onChange={(value) => setFilter({ ...filter, pid: typeof value === 'number' ? value : undefined })}
        />
        <NumberInput
          size="xs"
          label={words.slower}
          hideControls
          min={0}
          value={filter.slowerMs ?? ''}
          disabled={running}
          onChange={(value) =>
            setFilter({ ...filter, slowerMs: typeof value === 'number' ? value : undefined })
          }
        />
        <Button
          type="submit"
          size="xs"
          variant={running ? 'default' : 'filled'}
          disabled={!isMounted && !running}
        >
          {running ? words.stop : words.start}
        </Button>
        <Button size="xs" variant="default" disabled={rows.length === 0} onClick={clear}>
          {words.clear}
        </Button>
        <ExportMenu table={traceTable(tableName, rows)} disabled={rows.length === 0} />
      </form>
      {error !== null && <ErrorNote error={error} doing={words.doing} />}
      {dropped > 0 && <Notice tone="waiting">{words.dropped(count(dropped))}</Notice>}
      {rows.length === 0 ? (
        <Empty title={running ? words.waiting : words.idle}>
          <p>{isMounted ? words.idleText : words.unmounted}</p>
        </Empty>
      ) : (
        <Grid
          label={words.table}
          columns={columnsOf(id)}
          count={rows.length}
          itemAt={(index) => rows[rows.length - 1 - index]}
          nameOf={({ path, op }) => path ?? op}
        />
      )}
    </div>
  )
}

interface Traced {
  readonly rows: readonly ShownOperation[]
  readonly dropped: number
  readonly error: unknown
  clear(): void
}

function useTrace(id: string, filter: Filter | undefined, onEnd: () => void): Traced {
  const { trpc } = useApi()
  const [rows, setRows] = useState<readonly ShownOperation[]>([])
  const [dropped, setDropped] = useState(0)
  const [error, setError] = useState<unknown>(null)
  const end = useRef(onEnd)
  end.current = onEnd
  useEffect(() => {
    if (filter === undefined) return
    setError(null)
    const { op, path, pid, slowerMs } = filter
    const input = {
      ...{ id, pid, slowerMs },
      ops: op === '' ? undefined : [op],
      path: path.startsWith('/') && path !== '/' ? path : undefined,
    }
    const onData = (batch: TraceBatch) => {
      setRows((before) => [...before, ...batch.operations].slice(-MOST))
      setDropped((before) => before + batch.dropped)
    }
    const watch = trpc.inspect.trace.subscribe(input, {
      onData,
      onError: (cause) => {
        setError(cause)
        end.current()
      },
      onComplete: () => end.current(),
    })
    return () => watch.unsubscribe()
  }, [trpc, id, filter])
  const clear = () => {
    setRows([])
    setDropped(0)
  }
  return { rows, dropped, error, clear }
}

function columnsOf(id: string): readonly Column<ShownOperation>[] {
  return [
    {
      key: 'time',
      title: words.columns.time,
      width: '76px',
      from: 700,
      render: ({ atMs }) => clock(atMs),
    },
    {
      key: 'program',
      title: words.columns.program,
      width: '120px',
      from: 560,
      render: ({ program, pid }) => `${program ?? '?'} ${pid}`,
    },
    { key: 'op', title: words.columns.op, width: '92px', render: ({ op }) => op },
    {
      key: 'path',
      title: words.columns.path,
      width: 'minmax(140px, 1fr)',
      render: ({ path, inode, to, error }) => (
        <span title={path ?? undefined} data-failed={error ?? undefined}>
          {error !== null && <span className={css.failed}>{error} </span>}
          {path ?? words.inode(inode)}
          {to !== undefined && ` → ${to}`}
        </span>
      ),
    },
    {
      key: 'bytes',
      title: words.columns.bytes,
      width: '84px',
      end: true,
      from: 640,
      render: ({ bytes: size }) => (size === undefined ? '' : bytes(size)),
    },
    { key: 'ms', title: words.columns.ms, width: '72px', end: true, render: ({ ms }) => latency(ms) },
    {
      key: 'waits',
      title: words.columns.waits,
      width: 'minmax(120px, 0.8fr)',
      from: 480,
      render: (operation, tabbable) => {
        const first = slowest(operation)
        if (first === undefined) return ''
        return (
          <a
            className={css.wait}
            tabIndex={tabbable ? 0 : -1}
            href={volumeHref(id, 'inspect', `/bucket/${first.key}`)}
            title={operation.requests
              .map(({ by, key, ms, failed }) => `${words.by[by]} ${key} ${latency(ms)} ${failed ?? ''}`)
              .join('\n')}
          >
            {words.wait(words.by[first.by], latency(first.ms))}
            {first.failed !== undefined && ` ${words.failed}`}
          </a>
        )
      },
    },
  ]
}
