import { ActionIcon, Tooltip } from '@mantine/core'
import type { Icon } from '@tabler/icons-react'
import { Keys } from './keys.tsx'

interface Props {
  readonly icon: Icon
  readonly label: string
  /** As `shell/shortcuts.ts` writes them: `mod+k`. */
  readonly shortcut?: string
  readonly onClick?: (() => void) | undefined
  readonly disabled?: boolean
  readonly tabIndex?: number
}

/** A button that is only an icon: it has a name, and a tooltip with its shortcut. */
export function IconAction({ icon: Glyph, label, shortcut, onClick, disabled, tabIndex }: Props) {
  const tip = (
    <>
      {label}
      {shortcut !== undefined && <Keys keys={shortcut} inverse />}
    </>
  )
  return (
    <Tooltip label={tip}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size={28}
        aria-label={label}
        onClick={onClick}
        disabled={disabled ?? false}
        tabIndex={tabIndex}
      >
        <Glyph size={16} stroke={1.75} />
      </ActionIcon>
    </Tooltip>
  )
}
