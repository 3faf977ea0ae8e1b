/** What electron-builder asks while it packs. */
import { FuseV1Options, FuseVersion } from '@electron/fuses'

/** The shell is bundled and the daemon gathered: there are no packages to install, build or pack. */
export async function beforeBuild() {
  return false
}

const FIRST_WITH_FUSE = 29

/**
 * Turns off the one fuse that electron-builder.yml cannot name, because Electrons before 29 have no place for it and
 * would refuse to be packed: `file://` pages are nothing special.
 */
export async function afterPack(context) {
  const major = Number.parseInt(context.packager.info.framework.version, 10)
  if (major < FIRST_WITH_FUSE) return
  await context.packager.addElectronFuses(context, {
    version: FuseVersion.V1,
    [FuseV1Options.GrantFileProtocolExtraPrivileges]: false,
  })
}
