import { Button, Menu } from '@mantine/core'
import { IconChevronDown, IconUpload } from '@tabler/icons-react'
import { useRef } from 'react'
import { s } from '../../strings/strings.ts'
import { chosenFiles, type UploadItem } from './dropped.ts'

/** Files or a whole folder from this computer. */
export function UploadMenu({ onUpload }: { readonly onUpload: (items: readonly UploadItem[]) => void }) {
  const words = s.files
  const files = useRef<HTMLInputElement>(null)
  const folder = useRef<HTMLInputElement>(null)
  const field = {
    type: 'file',
    hidden: true,
    multiple: true,
    onChange: ({ currentTarget: input }: React.ChangeEvent<HTMLInputElement>) => {
      onUpload(chosenFiles([...(input.files ?? [])]))
      // The same again is a choice, too.
      input.value = ''
    },
  }
  return (
    <>
      <input ref={files} {...field} aria-label={words.uploads.files} />
      <input ref={folder} {...field} {...FOLDERS} aria-label={words.uploads.folder} />
      <Menu position="bottom-end" width={160}>
        <Menu.Target>
          <Button
            size="compact-sm"
            leftSection={<IconUpload size={14} />}
            rightSection={<IconChevronDown size={12} />}
          >
            {words.upload}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => files.current?.click()}>{words.uploads.files}</Menu.Item>
          <Menu.Item onClick={() => folder.current?.click()}>{words.uploads.folder}</Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  )
}

/** React has no name for it: every browser since Chromium 6 takes it. */
const FOLDERS = { webkitdirectory: '' }
