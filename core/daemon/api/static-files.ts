/** The built interface, from memory or disk, with headers that let it load nothing but itself. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join, normalize, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.map': 'application/json',
}

/** The WebSocket is of the same origin, which older browsers do not count as 'self'. */
export function pageHeaders(host: string): Readonly<Record<string, string>> {
  return {
    'content-security-policy': [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data: blob:",
      "font-src 'self'",
      `connect-src 'self' ws://${host}`,
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), microphone=(), geolocation=(), usb=(), serial=()',
  }
}

/** Answer a GET of a page or an asset. Paths without an extension are the page: the interface routes them. */
export async function serveStatic(
  root: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  const wanted = extname(pathname) === '' ? '/index.html' : decodeURIComponent(pathname)
  const path = normalize(join(root, wanted))
  const found = path.startsWith(root + sep) ? await stat(path).catch(() => undefined) : undefined
  if (found === undefined || !found.isFile()) {
    const isPage = wanted === '/index.html'
    response.writeHead(isPage ? 503 : 404, { 'content-type': 'text/plain; charset=utf-8' })
    response.end(isPage ? 'The interface is not built yet. Run: npx vite build renderer\n' : 'not found\n')
    return
  }
  // Vite names assets by their content.
  const isHashed = /-[\w-]{8,}\.\w+$/.test(path)
  response.writeHead(200, {
    'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
    'content-length': found.size,
    'cache-control': isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
  })
  if (request.method === 'HEAD') response.end()
  else await pipeline(createReadStream(path), response)
}
