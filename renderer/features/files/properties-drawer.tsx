import { Drawer } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { FileDetails, FileEntry } from '#core/api/files.ts'
import { useApi } from '../../api/api.ts'
import { CopyText } from '../../components/copy-text.tsx'
import { ErrorNote } from '../../components/error-note.tsx'
import { Facts } from '../../components/facts.tsx'
import { Notice } from '../../components/notice.tsx'
import { StackedBar } from '../../components/stacked-bar.tsx'
import { TimeAgo } from '../../components/time-ago.tsx'
import { bytes, exactBytes } from '../../format/bytes.ts'
import { s } from '../../strings/strings.ts'
import { AclEditor } from './acl-editor.tsx'
import { BlockList } from './block-list.tsx'
import css from './dialogs.module.css'
import { ModeEditor } from './mode-editor.tsx'
import { OwnerEditor } from './owner-editor.tsx'
import type { FileActions } from './use-file-actions.ts'
import { XattrEditor } from './xattr-editor.tsx'

interface Props {
  readonly id: string
  readonly entry: FileEntry
  readonly actions: FileActions
  readonly onClose: () => void
}

const PLACES = [
  ['memory', 'var(--tier-memory)'],
  ['disk', 'var(--tier-disk)'],
  ['staging', 'var(--waiting-fill)'],
  ['store', 'var(--tier-bucket)'],
  ['missing', 'var(--bad-fill)'],
] as const

const LISTS = ['access', 'default'] as const

/** All there is to know about a file, and to change of it. */
export function PropertiesDrawer({ id, entry, actions, onClose }: Props) {
  const { trpc } = useApi()
  const words = s.files.details
  const { data, error, refetch, dataUpdatedAt } = useQuery({
    queryKey: ['stat', id, entry.path],
    queryFn: ({ signal }) => trpc.files.stat.query({ id, path: entry.path }, { signal }),
    gcTime: 0,
  })
  const again = () => refetch()
  return (
    <Drawer
      opened
      onClose={onClose}
      position="right"
      size={440}
      title={<span className={css.title}>{entry.name}</span>}
    >
      <div className={css.body}>
        {error !== null && (
          <ErrorNote error={error} doing={s.files.doing.stat} onRetry={() => void refetch()} />
        )}
        {data !== undefined && (
          <>
            {!data.can.change && <Notice tone="note">{words.fixed}</Notice>}
            <GeneralFacts details={data} />
            {data.places !== null && <Places places={data.places} />}
            {data.type !== 'symlink' && (
              <ModeEditor
                key={`mode ${data.mode}`}
                details={data}
                onSave={(mode) => actions.chmod(data, mode).then(again)}
              />
            )}
            <OwnerEditor
              key={`owner ${data.uid} ${data.gid}`}
              details={data}
              onSave={(owners) => actions.chown(data, owners).then(again)}
            />
            <XattrEditor
              details={data}
              onSet={(xattr) => actions.setXattr(data, xattr).then(again)}
              onRemove={(name) => actions.removeXattr(data, name).then(again)}
            />
            {LISTS.filter((which) => which === 'access' || data.type === 'directory').map((which) => (
              <AclEditor
                key={`${which} ${dataUpdatedAt}`}
                details={data}
                which={which}
                onSave={(entries) => actions.setAcl(data, which, entries).then(again)}
              />
            ))}
            {data.type === 'file' && data.size > 0 && <BlockList id={id} path={data.path} />}
          </>
        )}
      </div>
    </Drawer>
  )
}

function GeneralFacts({ details }: { readonly details: FileDetails }) {
  const { type, size, path, target, ino, nlink, mtimeMs, ctimeMs, atimeMs, owner, group, uid, gid } = details
  const words = s.files.details
  return (
    <Facts
      facts={[
        { label: words.type, value: words.types[type] },
        ...(type === 'file' ? [{ label: words.size, value: bytes(size), hover: exactBytes(size) }] : []),
        { label: words.location, value: <CopyText text={path} /> },
        ...(target === undefined ? [] : [{ label: words.target, value: target }]),
        { label: words.modified, value: <TimeAgo atMs={mtimeMs} /> },
        { label: words.changed, value: <TimeAgo atMs={ctimeMs} /> },
        { label: words.accessed, value: <TimeAgo atMs={atimeMs} /> },
        { label: words.owner, value: words.named(owner, uid) },
        { label: words.group, value: words.named(group, gid) },
        { label: words.ino, value: ino },
        { label: words.links, value: String(nlink) },
      ]}
    />
  )
}

function Places({ places }: { readonly places: NonNullable<FileDetails['places']> }) {
  const words = s.files.details
  return (
    <section className={css.section}>
      <h3>{words.places}</h3>
      <StackedBar
        label={words.placesLabel}
        parts={PLACES.filter(([place]) => (places[place] ?? 0) > 0).map(([place, color]) => ({
          key: words.placeNames[place],
          label: words.placeNames[place],
          value: places[place] ?? 0,
          color,
          text: bytes(places[place] ?? 0),
          hover: exactBytes(places[place] ?? 0),
        }))}
      />
    </section>
  )
}
