import type { ApiErrorKind } from '#core/api/errors.ts'

const meanings: Readonly<Record<ApiErrorKind, string>> = {
  refused: 'Nothing was changed.',
  input: 'Nothing was changed.',
  'not-found': 'It is not there any more, or never was. Nothing was changed.',
  gone: 'The list is out of date. Nothing was changed.',
  denied: 'Nothing was changed. Your data are where they were.',
  unavailable: 'What is written already is safe; what was asked has not been done.',
  conflict: 'Somebody else was first. Nothing was changed.',
  cancelled: 'It was stopped before the end.',
  internal: 'This is a defect of Pomelo. Data that was uploaded is not touched by it.',
}

export const errors = {
  meanings,
  next: 'What to do:',
  details: 'What is wrong',
  failed: (doing: string) => `${doing} did not work`,
  render: 'Drawing this part of the window',
  reload: 'Reload the window',
  renderMeaning: 'Your volumes are not affected: they run in processes of their own.',
}
