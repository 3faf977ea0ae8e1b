import { useQuery } from '@tanstack/react-query'
import { useApi } from '../../api/api.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { bytes } from '../../format/bytes.ts'
import { count } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import css from './bucket-view.module.css'
import { EVERYTHING, type SliceRange } from './slice-range.ts'

const MILLION = 1_000_000
const THOUSAND = 1000

interface Props {
  readonly id: string
  readonly range: SliceRange
  readonly onRange: (range: SliceRange) => void
}

/** The two levels of folders above the objects. Source: shared/spec/volume-and-objects.md §3.1. */
export function FolderList({ id, range, onRange }: Props) {
  const { trpc } = useApi()
  const words = s.inspect.bucket
  const isTop = range === EVERYTHING
  const isLeaf = !isTop && range.endSlice - range.firstSlice <= THOUSAND
  const { data, error } = useQuery({
    queryKey: ['inspect', 'folders', id, range],
    queryFn: ({ signal }) =>
      trpc.inspect.folders.query({ id, ...range, width: isTop ? MILLION : THOUSAND }, { signal }),
    enabled: !isLeaf,
  })
  const million = Math.floor(range.firstSlice / MILLION)
  return (
    <nav className={css.folders} aria-label={words.tree}>
      <p className={css.crumbs}>
        <button type="button" disabled={isTop} onClick={() => onRange(EVERYTHING)}>
          {words.root}
        </button>
        {!isTop && (
          <button
            type="button"
            disabled={!isLeaf}
            onClick={() => onRange({ firstSlice: million * MILLION, endSlice: (million + 1) * MILLION })}
          >
            {million}
          </button>
        )}
        {isLeaf && <span>{Math.floor(range.firstSlice / THOUSAND)}</span>}
      </p>
      {error !== null && <ErrorNote error={error} doing={words.reading} />}
      {!isLeaf && (
        <ul>
          {data?.map((folder) => {
            const name = Math.floor(folder.firstSlice / (isTop ? MILLION : THOUSAND))
            return (
              <li key={folder.firstSlice}>
                <button
                  type="button"
                  onClick={() => onRange({ firstSlice: folder.firstSlice, endSlice: folder.endSlice })}
                >
                  <span>{words.folder(isTop ? String(name) : `${million}/${name}`)}</span>
                  <span className={css.dim}>
                    {words.objectsIn(count(folder.objects), bytes(folder.bytes))}
                  </span>
                </button>
              </li>
            )
          })}
        </ul>
      )}
    </nav>
  )
}
