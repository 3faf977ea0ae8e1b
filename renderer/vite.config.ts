/**
 * The interface as static files in renderer/dist, for Chromium 108 and later (the oldest that the end-to-end
 * tests drive). Addresses are relative, so the daemon can serve it under any path. Nothing is inlined: the
 * page runs under `script-src 'self'; style-src 'self'` (renderer/README.md).
 */
import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const CHROMIUM = 108
/** `--mode fake` keeps `?fake` (invented data, no daemon), for tests and pictures; the product does not have it. */
const FAKE_OUT = '../e2e-artifacts/renderer-fake'

export default defineConfig(({ mode }) => ({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  plugins: [react()],
  css: {
    transformer: 'lightningcss',
    lightningcss: { targets: { chrome: CHROMIUM << 16 } },
    modules: { localsConvention: 'camelCaseOnly' },
  },
  build: {
    outDir: mode === 'fake' ? FAKE_OUT : 'dist',
    emptyOutDir: true,
    target: `chrome${CHROMIUM}`,
    cssTarget: `chrome${CHROMIUM}`,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1024,
    rolldownOptions: {
      output: {
        // A file for each set of sharers would make the first screen seventy requests.
        codeSplitting: {
          groups: [
            { name: 'vendor', test: /node_modules\/(?!uplot|zod|@fontsource)/ },
            { name: 'shared', test: /renderer\/(components|format|strings|theme)\// },
          ],
        },
      },
    },
  },
  server: { host: '127.0.0.1', strictPort: true, port: 5173 },
}))
