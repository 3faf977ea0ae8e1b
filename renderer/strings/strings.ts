/**
 * Every word of the interface. English is the catalogue that defines the keys; another language is a module with the
 * same type, chosen with `chooseLanguage` before the first render (changing it reloads the window). Sentences with
 * figures are functions, so that a language can order them as it needs.
 */
import { en } from './en.ts'

export type Strings = typeof en

export let s: Strings = en

const LANGUAGES: Readonly<Record<string, { readonly name: string; load(): Promise<Strings> }>> = {
  en: { name: 'English', load: () => Promise.resolve(en) },
}

export const languages: readonly { readonly code: string; readonly name: string }[] = Object.entries(
  LANGUAGES,
).map(([code, { name }]) => ({ code, name }))

/** Unknown languages leave English. */
export async function chooseLanguage(code: string): Promise<void> {
  s = (await LANGUAGES[code]?.load()) ?? en
}
