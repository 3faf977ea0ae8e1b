/** A folder of the trash is named after the hour of the deletion, UTC: as the time here, `2026-11-26 05:00`. */
export function hourText(hour: string): string {
  const match = /^(\d{4})-(\d\d)-(\d\d)-(\d\d)$/.exec(hour)
  if (match === null) return hour
  const [, year, month, day, at] = match.map(Number)
  const local = new Date(Date.UTC(year!, month! - 1, day, at))
  const two = (n: number) => String(n).padStart(2, '0')
  return `${local.getFullYear()}-${two(local.getMonth() + 1)}-${two(local.getDate())} ${two(local.getHours())}:00`
}
