/** The same thing as one command line, as the wizard's last page shows it. Runs anywhere. */
import type { FormatSpec, MountSettings } from './volumes.ts'

/** `pomelo format …`. Secrets are named by the environment variables that carry them, never written. */
export function formatCommand(
  spec: FormatSpec,
  secrets: { readonly hasKeys: boolean; readonly hasMetaPassword: boolean },
): string {
  const before = [
    ...(secrets.hasMetaPassword ? ['META_PASSWORD=…'] : []),
    ...(secrets.hasKeys ? ['ACCESS_KEY=…', 'SECRET_KEY=…'] : []),
    ...(spec.encryptionKeyPem ? ['JFS_RSA_PASSPHRASE=…'] : []),
  ]
  const options = [
    ['--storage', spec.storage],
    ['--bucket', spec.bucket],
    ...(spec.storageClass ? [['--storage-class', spec.storageClass]] : []),
    ...(spec.blockBytes !== undefined && spec.blockBytes !== 4 * 2 ** 20
      ? [['--block-size', `${spec.blockBytes / 1024}K`]]
      : []),
    ...(spec.compression !== undefined && spec.compression !== 'none'
      ? [['--compress', spec.compression]]
      : []),
    ...(spec.encryptionKeyPem ? [['--encrypt-rsa-key', 'key.pem']] : []),
    ...(spec.encryptionKeyPem && spec.encryptionAlgorithm === 'chacha20-rsa'
      ? [['--encrypt-algo', 'chacha20-rsa']]
      : []),
    ...(spec.hashPrefix ? [['--hash-prefix']] : []),
    ...(spec.shards ? [['--shards', `${spec.shards}`]] : []),
    ...(spec.capacityBytes ? [['--capacity', `${spec.capacityBytes / 2 ** 30}G`]] : []),
    ...(spec.inodes ? [['--inodes', `${spec.inodes}`]] : []),
    ...(spec.trashDays !== undefined && spec.trashDays !== 1 ? [['--trash-days', `${spec.trashDays}`]] : []),
    ...(spec.acl ? [['--enable-acl']] : []),
  ].flat()
  return [
    ...before,
    'pomelo format',
    quote(spec.metaUrl),
    quote(spec.volumeName),
    ...options.map(quote),
  ].join(' ')
}

/** `pomelo mount -d …`. */
export function mountCommand(metaUrl: string, mountPoint: string, settings: MountSettings): string {
  const options = [
    ...(settings.readOnly ? ['--read-only'] : []),
    ...(settings.subdir ? ['--subdir', settings.subdir] : []),
    ...(settings.writeback ? ['--writeback'] : []),
    ...(settings.cacheDir ? ['--cache-dir', settings.cacheDir] : []),
    ...(settings.cacheBytes === undefined
      ? []
      : ['--cache-size', `${Math.floor(settings.cacheBytes / 2 ** 20)}M`]),
    ...(settings.uploadMbps ? ['--upload-limit', `${settings.uploadMbps}`] : []),
    ...(settings.downloadMbps ? ['--download-limit', `${settings.downloadMbps}`] : []),
  ]
  return ['pomelo mount -d', quote(metaUrl), quote(mountPoint), ...options.map(quote)].join(' ')
}

function quote(word: string): string {
  return /^[\w@%+=:,./~…-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
