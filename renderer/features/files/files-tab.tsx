import { useState } from 'react'
import { Browser } from './browser.tsx'
import { TrashView } from './trash-view.tsx'

interface Props {
  readonly id: string
  readonly path: string
}

/** The volume without its mount: its files, or its trash. */
export default function FilesTab({ id, path }: Props) {
  const [inTrash, setInTrash] = useState(false)
  return inTrash ? (
    <TrashView id={id} onBack={() => setInTrash(false)} />
  ) : (
    <Browser key={path} id={id} path={path} onTrash={() => setInTrash(true)} />
  )
}
