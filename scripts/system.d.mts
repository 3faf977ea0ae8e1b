export function which(program: string): string | undefined
export function installCommand(packages: readonly string[]): string
export function installPackages(packages: readonly string[], options?: { timeoutMs?: number }): boolean
export function mountObstacle(): string | undefined
