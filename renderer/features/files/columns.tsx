import { IconFile, IconFolderFilled, IconLink, IconPinFilled, IconPlug } from '@tabler/icons-react'
import type { FileEntry, FileType } from '#core/api/files.ts'
import type { Column } from '../../components/grid.tsx'
import { bytes, exactBytes } from '../../format/bytes.ts'
import { letters, octal } from '../../format/mode.ts'
import { exactTime, shortTime } from '../../format/time.ts'
import { s } from '../../strings/strings.ts'
import css from './browser.module.css'

const ICONS: Readonly<Partial<Record<FileType, typeof IconFile>>> = {
  directory: IconFolderFilled,
  file: IconFile,
  symlink: IconLink,
}

const words = s.files.columns

/** `pinned`: inodes that are kept on this computer. */
export function columnsOf(pinned: ReadonlySet<string>): readonly Column<FileEntry>[] {
  return [nameColumn(pinned), ...COLUMNS]
}

const nameColumn = (pinned: ReadonlySet<string>): Column<FileEntry> => ({
  key: 'name',
  title: words.name,
  width: 'minmax(200px, 1fr)',
  sortable: true,
  render: ({ name, type, target, ino }) => {
    const Glyph = ICONS[type] ?? IconPlug
    return (
      <span className={css.name} title={name}>
        <Glyph
          size={16}
          stroke={1.5}
          className={type === 'directory' ? css.folder : undefined}
          aria-label={s.files.details.types[type]}
        />
        <span>
          {name}
          {target !== undefined && <span className={css.dim}> → {target}</span>}
        </span>
        {pinned.has(ino) && <IconPinFilled size={12} className={css.pin} aria-label={s.cache.pins.pinned} />}
      </span>
    )
  },
})

const COLUMNS: readonly Column<FileEntry>[] = [
  {
    key: 'size',
    title: words.size,
    width: '88px',
    end: true,
    sortable: true,
    render: ({ type, size }) =>
      type === 'directory' ? (
        <span className={css.dim}>–</span>
      ) : (
        <span title={exactBytes(size)}>{bytes(size)}</span>
      ),
  },
  {
    key: 'mtime',
    title: words.modified,
    width: '128px',
    sortable: true,
    render: ({ mtimeMs }) => (
      <span className={css.dim} title={exactTime(mtimeMs)}>
        {shortTime(mtimeMs)}
      </span>
    ),
  },
  {
    key: 'mode',
    title: words.mode,
    width: '88px',
    from: 700,
    render: ({ mode }) => (
      <span className={css.mono} title={octal(mode)}>
        {letters(mode)}
      </span>
    ),
  },
  {
    key: 'owner',
    title: words.owner,
    width: '88px',
    from: 860,
    render: ({ uid, gid }) => (
      <span className={css.dim}>
        {uid}:{gid}
      </span>
    ),
  },
]
