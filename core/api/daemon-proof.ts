/**
 * Is it our daemon that listens there? A window whose daemon went away tries its address again and again, and while
 * nobody listens any program of this computer may take the port. So before a token is shown again the other side proves
 * that it knows the token's hash, which only our daemon keeps: HMAC-SHA-256, keyed with that hash, over a fresh number
 * and the port. The port makes a proof worthless for a program that passes our question on to the daemon at another one.
 */
const ANSWER_MS = 5000

export interface ProofQuestion {
  /** Which token: SHA-256 of its hash, in hexadecimal. It tells nothing about either. */
  readonly name: string
  /** 256 random bits in hexadecimal, never used again. */
  readonly nonce: string
}

/** What is signed. */
export function proofText(nonce: string, port: number | string): string {
  return `pomelo daemon ${nonce} ${port}`
}

/**
 * True when the daemon of `token` listens at `origin`; false when what answers there does not know the token. Rejects
 * when nothing answers, or something that cannot prove to be that daemon.
 */
export async function proveDaemon(origin: string, token: string): Promise<boolean> {
  const hash = await sha256(new TextEncoder().encode(token))
  const nonce = hex(crypto.getRandomValues(new Uint8Array(32)))
  const question: ProofQuestion = { name: hex(await sha256(hash)), nonce }
  const answer = await fetch(`${origin}/api/proof`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(question),
    signal: AbortSignal.timeout(ANSWER_MS),
  })
  if (answer.status === 401) return false
  const { proof } = answer.ok ? ((await answer.json()) as { readonly proof?: unknown }) : {}
  const key = await crypto.subtle.importKey('raw', hash, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  const text = new TextEncoder().encode(proofText(nonce, new URL(origin).port || 80))
  if (proof !== hex(new Uint8Array(await crypto.subtle.sign('HMAC', key, text))))
    throw new Error('what answers there is not the background service that this window signed in to')
  return true
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
