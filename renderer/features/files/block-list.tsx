import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useApi } from '../../api/api.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { PlainTable } from '../../components/plain-table.tsx'
import { bytes, exactBytes } from '../../format/bytes.ts'
import { count } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import css from './dialogs.module.css'

const MOST = 200

/** The objects a file consists of, asked for only when wanted: there can be many. */
export function BlockList({ id, path }: { readonly id: string; readonly path: string }) {
  const { trpc } = useApi()
  const words = s.files.details
  const [wanted, setWanted] = useState(false)
  const { data, error, isFetching } = useQuery({
    queryKey: ['blocks', id, path],
    queryFn: ({ signal }) => trpc.files.blocks.query({ id, path }, { signal }),
    enabled: wanted,
    gcTime: 0,
  })
  return (
    <section className={css.section}>
      <h3>{words.blocks}</h3>
      {error !== null && <ErrorNote error={error} />}
      {data === undefined ? (
        <div>
          <Button variant="default" size="compact-sm" loading={isFetching} onClick={() => setWanted(true)}>
            {words.showBlocks}
          </Button>
        </div>
      ) : (
        <>
          <PlainTable
            label={words.blocks}
            columns={[
              { title: words.blocksColumns.range, end: true },
              { title: words.blocksColumns.size, end: true },
              { title: words.blocksColumns.key },
            ]}
            rows={data.slice(0, MOST).map(({ position, length, key }) => ({
              key: `${position}`,
              hover: key === '' ? exactBytes(length) : key,
              cells: [
                bytes(position),
                bytes(length),
                key === '' ? words.hole : <code key="key">{key.split('/').at(-1)}</code>,
              ],
            }))}
          />
          {data.length > MOST && <p className={css.dim}>{words.firstOf(count(MOST))}</p>}
        </>
      )}
    </section>
  )
}
