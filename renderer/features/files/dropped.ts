/** Files to upload as they come from the outside: chosen, in a chosen folder, or dropped with folders among them. */

export interface UploadItem {
  readonly file: File
  /** In the folder that is shown, with the folders on the way: `trip/day 1/a.jpg`. */
  readonly name: string
}

/** More at once is work for the mounted folder. */
export const MOST_FILES = 20_000

/** Of a file field; one for folders gives the way with each file. */
export function chosenFiles(files: readonly File[]): readonly UploadItem[] {
  return files.map((file) => ({ file, name: file.webkitRelativePath || file.name }))
}

/** Of a drop, folders with all that is in them. What is read is at most one more than `MOST_FILES`. */
export async function droppedFiles(transfer: DataTransfer): Promise<readonly UploadItem[]> {
  // The list is gone after the first wait.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null)
  const found: UploadItem[] = []
  for (const entry of entries) await gather(entry, found)
  return found
}

async function gather(entry: FileSystemEntry, found: UploadItem[]): Promise<void> {
  if (found.length > MOST_FILES) return
  const name = entry.fullPath.replace(/^\//, '')
  if (isFile(entry)) {
    found.push({ file: await new Promise<File>((resolve, reject) => entry.file(resolve, reject)), name })
    return
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  for (;;) {
    // A hundred at a time, until there is none.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    )
    if (some.length === 0) return
    for (const each of some) await gather(each, found)
  }
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile
}
