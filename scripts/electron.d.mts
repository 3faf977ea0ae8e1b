export declare const benchFolder: string
export declare function findElectron(): string | undefined
export declare function fetchElectron(options?: { timeoutMs?: number }): Promise<string | undefined>
export declare function electronFlags(): string[]
export declare function displayObstacle(): string | undefined
export declare function usableElectron(): Promise<string | undefined>
