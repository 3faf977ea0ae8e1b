import { Button } from '@mantine/core'
import { Component, type ReactNode } from 'react'
import { s } from '../strings/strings.ts'
import css from './error-boundary.module.css'
import { ErrorNote } from './error-note.tsx'

/** A part that cannot be drawn says so in its own place; the rest of the window stays. */
export class ErrorBoundary extends Component<{ readonly children: ReactNode }, { readonly error: unknown }> {
  override state: { readonly error: unknown } = { error: undefined }

  static getDerivedStateFromError(error: unknown) {
    return { error }
  }

  override render() {
    const { error } = this.state
    if (error === undefined) return this.props.children
    return (
      <div className={css.place}>
        <ErrorNote
          error={{ message: String(error), data: { kind: 'internal' } }}
          doing={s.errors.render}
          meaning={s.errors.renderMeaning}
          onRetry={() => this.setState({ error: undefined })}
        />
        <Button variant="default" onClick={() => location.reload()}>
          {s.errors.reload}
        </Button>
      </div>
    )
  }
}
