export function buildWhenOld(
  what: 'interface' | 'invented interface' | 'desktop shell',
  say?: (text: string) => void,
): void
