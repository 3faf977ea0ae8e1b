import assert from 'node:assert/strict'
import test from 'node:test'
import { ACTION_LABELS, STATE_WORDS } from '#core/api/states.ts'
import { chooseLanguage, languages, s } from './strings.ts'

test('states and actions are called as in the tray, the command line and the log', () => {
  assert.deepEqual(s.states, STATE_WORDS)
  assert.deepEqual(s.actions, ACTION_LABELS)
})

test('a language that is not there leaves English', async () => {
  await chooseLanguage('tlh')
  assert.equal(s.states.mounted, 'Mounted')
  assert.ok(languages.some(({ code }) => code === 'en'))
})

test('no sentence says what the project does not say', () => {
  const unwanted = /\boops\b|something went wrong|\bplease\b|\bsorry\b/i
  function* texts(node: unknown): Generator<string> {
    if (typeof node === 'string') yield node
    else if (typeof node === 'object' && node !== null)
      for (const child of Object.values(node)) yield* texts(child)
  }
  for (const text of texts(s)) assert.doesNotMatch(text, unwanted)
})
