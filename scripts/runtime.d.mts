export const root: string
export class SetupError extends Error {}
export function nodeBinary(): string | undefined
export function ensurePackages(): void
export function ensureNative(): void
export function entry(main: () => number | Promise<number>): Promise<void>
