import { useVolume } from '../../api/live.ts'
import { volumeHref } from '../../components/route.ts'
import { useUi } from '../../components/ui-store.ts'
import { isUp } from '../../components/volume-actions.ts'
import { s } from '../../strings/strings.ts'
import css from './inspect-tab.module.css'

const words = s.inspect.reveal

/** To where a file is, in this window, and on a desktop that has it mounted in the system's. */
export function RevealLinks({ id, path }: { readonly id: string; readonly path: string }) {
  const volume = useVolume(id)
  const desktop = window.pomeloDesktop
  return (
    <>
      <a href={volumeHref(id, 'files', path.slice(0, path.lastIndexOf('/')) || '/')}>{words.files}</a>
      {desktop !== undefined && volume !== undefined && isUp(volume) && (
        <button
          type="button"
          className={css.asLink}
          onClick={() =>
            void desktop
              .reveal(`${volume.mountPoint}${path}`)
              .catch((error: unknown) => useUi.getState().fail(error, words.doing))
          }
        >
          {words.manager}
        </button>
      )}
    </>
  )
}
