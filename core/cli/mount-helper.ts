/**
 * `mount -t fuse.pomelo META MP -o a,b=c` and lines of /etc/fstab: mount(8) calls us as
 * `pomelo META MP -o …` (through mount.fuse3) or `mount.pomelo META MP -o …`. Translates that to a command
 * line of `pomelo mount`. Source: shared/spec/vfs-and-fuse.md §8.5.
 */
import { MOUNT_OPTIONS } from './mount-options.ts'
import type { OptionSpec } from './options.ts'

/** Words for mount(8), systemd and file managers, not for us or the kernel. */
const FOR_OTHERS =
  /^(_netdev|nofail|rw|defaults|remount|background|auto|noauto|user|nouser|users|owner|group|_rnetdev|x-.*|X-.*|comment=.*|helper=.*)$/

const RENAMED: Readonly<Record<string, string>> = {
  attrcacheto: 'attr-cache',
  entrycacheto: 'entry-cache',
  direntrycacheto: 'dir-entry-cache',
}

/** The words after `pomelo mount` for the words after `mount.pomelo`. */
export function fromHelper(argv: readonly string[]): readonly string[] {
  const operands: string[] = []
  const words: string[] = []
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at]!
    if (word === '-o') words.push(...(argv[++at] ?? '').split(','))
    else if (word.startsWith('-o')) words.push(...word.slice(2).split(','))
    else if (word === '-t' || word === '-N') at++
    else if (word.startsWith('-'))
      continue // -s -f -n -v -r -w of mount(8)
    else operands.push(word)
  }
  return ['-d', ...translateOptions(words), ...operands]
}

/** Options of mount(8) as options of ours: known names become flags, the rest stays for the kernel. */
export function translateOptions(words: readonly string[]): readonly string[] {
  const flags: string[] = []
  const kernel: string[] = []
  for (const word of words) {
    if (word === '' || FOR_OTHERS.test(word)) continue
    if (word === 'ro') {
      flags.push('--read-only')
      continue
    }
    const [, name, value] = /^([^=]+)(?:=(.*))?$/s.exec(word)!
    const own = RENAMED[name!] ?? name!
    const spec = specOf(own)
    if (spec === undefined) kernel.push(word)
    else flags.push(value === undefined ? `--${own}` : `--${own}=${value}`)
  }
  return kernel.length === 0 ? flags : [...flags, '-o', kernel.join(',')]
}

function specOf(name: string): OptionSpec | undefined {
  return name === 'options' ? undefined : (MOUNT_OPTIONS as Readonly<Record<string, OptionSpec>>)[name]
}
