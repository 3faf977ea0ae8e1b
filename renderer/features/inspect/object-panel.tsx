import { useQuery } from '@tanstack/react-query'
import type { FileView, ObjectAnswer, ObjectUse } from '#core/api/inspect.ts'
import { useApi } from '../../api/api.ts'
import { CopyText } from '../../components/copy-text.tsx'
import { ErrorNote } from '../../components/error-note.tsx'
import { type Fact, Facts } from '../../components/facts.tsx'
import { Notice } from '../../components/notice.tsx'
import { volumeHref } from '../../components/route.ts'
import { bytes, exactBytes } from '../../format/bytes.ts'
import { count, percent } from '../../format/number.ts'
import { exactTime } from '../../format/time.ts'
import { s } from '../../strings/strings.ts'
import { BlockPreview } from './block-preview.tsx'
import css from './object-panel.module.css'
import { RevealLinks } from './reveal-links.tsx'

const words = s.inspect.object

/** Reasons that somebody may want to do something about. */
const ODD: readonly ObjectAnswer['reason'][] = ['leaked', 'wrongSize', 'unallotted', 'unclear', 'gone']

interface Props {
  readonly id: string
  readonly objectKey: string
  readonly className?: string | undefined
}

/** What is known of one object: why it is there, whose bytes it holds, and the bytes. */
export function ObjectPanel({ id, objectKey, className }: Props) {
  const { trpc } = useApi()
  const { data, error, refetch } = useQuery({
    queryKey: ['inspect', 'object', id, objectKey],
    queryFn: ({ signal }) => trpc.inspect.object.query({ id, key: objectKey }, { signal }),
    refetchInterval: 5000,
  })
  return (
    <aside className={`${css.panel} ${className ?? ''}`} aria-label={words.title}>
      <h2 className={css.key}>
        <CopyText text={objectKey} />
      </h2>
      {error !== null && <ErrorNote error={error} doing={words.doing} onRetry={() => void refetch()} />}
      {data !== undefined && <Answer id={id} answer={data} />}
    </aside>
  )
}

function Answer({ id, answer }: { readonly id: string; readonly answer: ObjectAnswer }) {
  const { reason, uses, moreUses, complete, stored, block } = answer
  return (
    <>
      <Notice tone={ODD.includes(reason) ? 'waiting' : 'note'}>{words.reasons[reason]}</Notice>
      <Facts facts={factsOf(answer)} />
      <section>
        <h3>{words.users}</h3>
        {uses.length === 0 && <p className={css.dim}>{words.noUsers}</p>}
        <ul className={css.uses}>
          {uses.map((use) => (
            <Use key={`${use.file.inode} ${use.chunk}`} id={id} use={use} />
          ))}
        </ul>
        {moreUses > 0 && <p className={css.dim}>{words.moreUses(count(moreUses))}</p>}
        {!complete && <p className={css.dim}>{words.incomplete}</p>}
      </section>
      {block !== undefined && stored !== null && <BlockPreview id={id} objectKey={answer.key} />}
    </>
  )
}

function factsOf({ block, stored, ratio, place, untilMs }: ObjectAnswer): readonly Fact[] {
  return [
    ...(block === undefined
      ? []
      : [
          {
            label: words.slice,
            value: `${count(block.slice)}, ${words.block(block.index)}, ${bytes(block.size)}`,
            hover: exactBytes(block.size),
          },
        ]),
    {
      label: words.stored,
      value:
        stored === null
          ? words.notStored
          : `${bytes(stored.bytes)}${ratio === null ? '' : `, ${words.ratio(percent(ratio, 1))}`}`,
      hover: stored === null ? undefined : exactBytes(stored.bytes),
    },
    ...(stored === null ? [] : [{ label: words.since, value: exactTime(stored.mtimeMs) }]),
    { label: words.place, value: s.inspect.places[place] },
    ...(untilMs === undefined ? [] : [{ label: words.until, value: exactTime(untilMs) }]),
  ]
}

function Use({ id, use: { file, ranges, shadowedBytes } }: { readonly id: string; readonly use: ObjectUse }) {
  const [path] = file.paths
  const shown = ranges.reduce((sum, { start, end }) => sum + end - start, 0)
  const target = path ?? `/inode/${file.inode}`
  return (
    <li>
      <p className={css.file}>
        {path === undefined ? nameOf(file) : <CopyText text={path} />}{' '}
        <span className={css.dim}>{words.states[file.state]}</span>
      </p>
      {file.paths.length > 1 && <p className={css.dim}>{words.links(file.paths.slice(1).join(', '))}</p>}
      <p className={css.dim} title={ranges.map(({ start, end }) => `${start}–${end - 1}`).join(', ')}>
        {words.shows(bytes(shown))}
        {ranges.length > 0 && ` (${words.ranges(ranges.length)})`}
        {shadowedBytes > 0 && `, ${words.hidden(bytes(shadowedBytes))}`}
      </p>
      <p className={css.links}>
        <a href={volumeHref(id, 'inspect', `/file${target}`)}>{words.openMap}</a>
        {path !== undefined && file.state === 'live' && <RevealLinks id={id} path={path} />}
      </p>
    </li>
  )
}

export function nameOf({ paths, inode }: FileView): string {
  return paths[0] ?? s.inspect.trace.inode(inode)
}
