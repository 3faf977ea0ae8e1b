/** A team's profile from the text of a file. */
import { type TeamProfile, teamProfile } from '#core/api/volumes.ts'
import { s } from '../../strings/strings.ts'

/** Throws what an interface shows: the file is no profile, and where it is wrong. */
export function readProfile(text: string): TeamProfile {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw badFile('The file is not JSON.')
  }
  const parsed = teamProfile.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw badFile(`The file is not a profile: ${issue?.path.join('.')} ${issue?.message}`)
}

function badFile(message: string): Error {
  return Object.assign(new Error(message), { data: { kind: 'input', next: s.connect.badFileNext } })
}
