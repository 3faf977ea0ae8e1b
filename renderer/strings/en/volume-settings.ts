export const volumeSettings = {}
