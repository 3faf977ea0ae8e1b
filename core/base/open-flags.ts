/** open(2) flags as Linux numbers them and the kernel sends them. Source: include/uapi/asm-generic/fcntl.h. */
export const O_ACCMODE = 0o3
export const O_RDONLY = 0o0
export const O_WRONLY = 0o1
export const O_RDWR = 0o2
export const O_CREAT = 0o100
export const O_EXCL = 0o200
export const O_TRUNC = 0o1000
export const O_APPEND = 0o2000
/** Set by the kernel when a file is opened to be executed (include/linux/fs.h). */
export const FMODE_EXEC = 0o40

/** Opened for writing. */
export function writes(flags: number): boolean {
  const mode = flags & O_ACCMODE
  return mode === O_WRONLY || mode === O_RDWR
}
