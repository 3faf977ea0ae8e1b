export const cache = {}
