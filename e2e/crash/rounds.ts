/** How long a test with faults goes on and what chance it begins with: a bounded part in CI, `npm run test:faults` more. */
export const FAULT_SEED = Number(process.env.POMELO_FAULT_SEED ?? 1)
export const FAULT_ROUNDS = Number(process.env.POMELO_FAULT_ROUNDS ?? 1)
