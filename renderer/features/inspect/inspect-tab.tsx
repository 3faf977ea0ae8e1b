import { volumeHref } from '../../components/route.ts'
import { s } from '../../strings/strings.ts'
import { BucketView } from './bucket-view.tsx'
import { DuplicatesView } from './duplicates-view.tsx'
import { FileView } from './file-view.tsx'
import { HealthView } from './health-view.tsx'
import css from './inspect-tab.module.css'
import { SpaceView } from './space-view.tsx'
import { TraceView } from './trace-view.tsx'

const VIEWS = ['bucket', 'file', 'space', 'health', 'duplicates', 'trace'] as const
type View = (typeof VIEWS)[number]

/** From objects back to files. The path is the view, then what it is of: `/file/photos/a.jpg`. */
export default function InspectTab({ id, path }: { readonly id: string; readonly path: string }) {
  const [, first = '', ...rest] = path.split('/')
  const view = VIEWS.find((each) => each === first) ?? 'bucket'
  const target = `/${rest.join('/')}`
  return (
    <div className={css.tab}>
      <nav className={css.views} aria-label={s.inspect.label}>
        {VIEWS.map((each) => (
          <a
            key={each}
            href={volumeHref(id, 'inspect', `/${each}`)}
            aria-current={each === view ? 'page' : undefined}
          >
            {s.inspect.views[each]}
          </a>
        ))}
      </nav>
      <Shown id={id} view={view} target={target} />
    </div>
  )
}

function Shown({ id, view, target }: { readonly id: string; readonly view: View; readonly target: string }) {
  switch (view) {
    case 'bucket':
      return <BucketView id={id} place={target.slice(1)} />
    case 'file':
      return <FileView key={target} id={id} path={target === '/' ? undefined : target} />
    case 'space':
      return <SpaceView id={id} />
    case 'health':
      return <HealthView id={id} />
    case 'duplicates':
      return <DuplicatesView id={id} />
    case 'trace':
      return <TraceView id={id} />
  }
}
