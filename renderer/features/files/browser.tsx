import { useMemo, useState } from 'react'
import type { FileEntry } from '#core/api/files.ts'
import { usePinActions, usePins } from '../../api/pins.ts'
import { Empty } from '../../components/empty.tsx'
import { ErrorNote } from '../../components/error-note.tsx'
import { Grid, type Sort } from '../../components/grid.tsx'
import { matches } from '../../components/key-names.ts'
import { go } from '../../components/navigate.ts'
import { Notice } from '../../components/notice.tsx'
import { volumeHref } from '../../components/route.ts'
import { useUi } from '../../components/ui-store.ts'
import { bytes } from '../../format/bytes.ts'
import { count } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import css from './browser.module.css'
import { columnsOf } from './columns.tsx'
import { droppedFiles } from './dropped.ts'
import { type FileDialog, FileDialogs } from './file-dialogs.tsx'
import type { SortKey } from './listing.ts'
import { parentOf } from './names.ts'
import { everything, NOTHING, pressed, toggled } from './selection.ts'
import { Toolbar } from './toolbar.tsx'
import { UploadStrip } from './upload-strip.tsx'
import { useFileActions } from './use-file-actions.ts'
import { useListing } from './use-listing.ts'
import { useUploads } from './use-uploads.ts'

interface Props {
  readonly id: string
  readonly path: string
  readonly onTrash: () => void
}

/** One folder: its entries, what is chosen, and what can be done with it. */
export function Browser({ id, path, onTrash }: Props) {
  const { listing, again } = useListing(id, path)
  const uploads = useUploads(id, path, again)
  const actions = useFileActions(id, again)
  const { pins } = usePins(id)
  const pinned = useMemo(() => new Set(pins.map(({ ino }) => ino)), [pins])
  const columns = useMemo(() => columnsOf(pinned), [pinned])
  const pinActions = usePinActions(id)
  const [selection, setSelection] = useState(NOTHING)
  const [sort, setSort] = useState<Sort>({ key: 'name', descending: false })
  const [dialog, setDialog] = useState<FileDialog | null>(null)
  const [over, setOver] = useState(false)

  const pathAt = (index: number) => listing.at(index)?.path
  const chosen =
    listing.all().length === 0 || selection.paths.size === 0
      ? []
      : listing.all().filter((entry) => selection.paths.has(entry.path))
  const openFolder = (target: string) => go(volumeHref(id, 'files', target))
  const openEntry = (entry: FileEntry) => {
    if (entry.type === 'directory') openFolder(entry.path)
    else setDialog({ kind: 'properties', entry })
  }

  function onSort(key: string): void {
    const next = { key, descending: sort.key === key && !sort.descending }
    setSort(next)
    listing.sortBy({ key: key as SortKey, descending: next.descending })
  }

  /** Keys of file managers; the list itself has arrows, Enter and letters. */
  function onKey(event: React.KeyboardEvent, index: number): boolean {
    const entry = listing.at(index)
    const targets = chosen.length > 0 ? chosen : entry === undefined ? [] : [entry]
    if (matches(event, 'mod+a')) setSelection(everything(listing.read, pathAt))
    else if (matches(event, 'escape') && selection.paths.size > 0) setSelection(NOTHING)
    else if (matches(event, 'space')) setSelection(toggled(selection, index, pathAt))
    else if (matches(event, 'backspace') || matches(event, 'alt+arrowleft')) {
      if (path !== '/') openFolder(parentOf(path))
    } else if (entry === undefined) return false
    else if (matches(event, 'f2')) setDialog({ kind: 'rename', entry })
    else if (matches(event, 'delete')) setDialog({ kind: 'remove', entries: targets })
    else if (matches(event, 'alt+enter')) setDialog({ kind: 'properties', entry })
    else return false
    return true
  }

  const isEmpty = !listing.loading && listing.error === null && listing.total === 0
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: files are dropped here; the button Upload does it by keys
    <div
      className={css.browser}
      data-over={over || undefined}
      onDragOver={(event) => {
        if (!event.dataTransfer.types.includes('Files')) return
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false)
      }}
      onDrop={(event) => {
        event.preventDefault()
        setOver(false)
        void droppedFiles(event.dataTransfer)
          .then((items) => uploads.add(items))
          .catch((error: unknown) => useUi.getState().fail(error, s.files.uploads.title))
      }}
    >
      <Toolbar
        id={id}
        path={path}
        chosen={chosen}
        actions={actions}
        pinned={pinned}
        pinActions={pinActions}
        onDialog={setDialog}
        onUpload={uploads.add}
        onTrash={onTrash}
        onRefresh={again}
      />
      {listing.error !== null && (
        <div className={css.notice}>
          <ErrorNote error={listing.error} doing={s.files.notReadable} onRetry={again} />
        </div>
      )}
      {listing.total > listing.count && (
        <div className={css.notice}>
          <Notice tone="waiting">{s.files.cut(count(listing.count), count(listing.total))}</Notice>
        </div>
      )}
      {isEmpty ? (
        <Empty title={s.files.empty}>{s.files.emptyText}</Empty>
      ) : (
        <Grid
          label={s.files.table(path)}
          columns={columns}
          count={listing.count}
          itemAt={(index) => listing.at(index)}
          nameOf={(entry) => entry.name}
          sort={sort}
          onSort={onSort}
          onOpen={openEntry}
          onMove={(index, extend) =>
            setSelection(pressed(selection, index, { toggle: false, extend }, pathAt))
          }
          onKey={onKey}
          onPress={(event, _, index) =>
            setSelection(
              pressed(
                selection,
                index,
                { toggle: event.ctrlKey || event.metaKey, extend: event.shiftKey },
                pathAt,
              ),
            )
          }
          isSelected={(entry) => selection.paths.has(entry.path)}
        />
      )}
      {over && <div className={css.over}>{s.files.dropHere(path)}</div>}
      <UploadStrip queue={uploads} />
      <p className={css.summary} role="status">
        {listing.loading && listing.total > 0
          ? s.files.loading(count(listing.read), count(listing.total))
          : chosen.length > 0
            ? s.files.selected(count(chosen.length), bytes(sizeOf(chosen)))
            : s.files.entries(listing.total)}
      </p>
      {dialog !== null && (
        <FileDialogs id={id} path={path} dialog={dialog} actions={actions} onClose={() => setDialog(null)} />
      )}
    </div>
  )
}

function sizeOf(entries: readonly FileEntry[]): number {
  return entries.reduce((sum, { type, size }) => sum + (type === 'file' ? size : 0), 0)
}
