/// <reference types="vite/client" />
import '#core/api/bridge.ts'
