/** What holds for the desktop app, from the checkout and packed: on a real daemon, with a real mount. */
import assert from 'node:assert/strict'
import { access, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ElectronApplication, Page } from 'playwright'
import { artifacts, Desktop, kill, type ShellKind, type ShellProgram } from '../harness/desktop.ts'
import { type Display, electron, electronVersion, startDisplay } from '../harness/electron.ts'
import { noMount, run } from '../harness/volume.ts'

type Build = (executable: string) => ShellProgram | Promise<ShellProgram>

/** Ask again until it is so. */
async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    assert.ok(performance.now() < deadline, `${what}: not within ${timeoutMs / 1000} s`)
    await sleep(100)
  }
}

/** Labels of the Volumes menu, which is made of what the tray shows. */
function volumesMenu(app: ElectronApplication): Promise<string[]> {
  return app.evaluate(({ Menu }) => {
    const menu = Menu.getApplicationMenu()?.items.find(({ label }) => label === 'Volumes')
    return (menu?.submenu?.items ?? []).flatMap((item) => [
      item.label,
      ...(item.submenu?.items ?? []).map(({ label }) => `  ${label}`),
    ])
  })
}

function windowCount(app: ElectronApplication): Promise<number> {
  return app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)
}

/** Answers of the message boxes to come; what was asked is kept in `asked`. */
async function answerBoxes(app: ElectronApplication, response: number): Promise<void> {
  await app.evaluate(({ dialog }, answer) => {
    const asked: unknown[] = []
    Object.assign(globalThis, { asked })
    Object.assign(dialog, {
      showMessageBox: (...words: unknown[]) => {
        asked.push(words.at(-1))
        return Promise.resolve({ response: answer, checkboxChecked: false })
      },
    })
  }, response)
}

function askedBoxes(
  app: ElectronApplication,
): Promise<{ message: string; detail: string; buttons: string[] }[]> {
  return app.evaluate(() => (globalThis as unknown as { asked: never[] }).asked)
}

export async function shellSuite(kind: ShellKind, build: Build): Promise<void> {
  const found = await electron()
  const skip = found.path === undefined ? found.missing : noMount
  let display: Display
  let desktop: Desktop
  let app: ElectronApplication
  let page: Page
  let mountPoint: string
  let slowMount: string

  before(async () => {
    if (skip !== false) return
    const program = await build(found.path!)
    display = await startDisplay()
    desktop = await Desktop.make(program, display)
    mountPoint = join(desktop.folder, 'media')
    slowMount = join(desktop.folder, 'slow')
    await mkdir(artifacts, { recursive: true })
    await mkdir(mountPoint)
    await mkdir(slowMount)
  })

  after(async () => {
    if (skip !== false) return
    await desktop.close([mountPoint, slowMount])
    await display.stop()
  })

  async function mountVolume(name: string, at: string, options: readonly string[]): Promise<void> {
    const meta = `sqlite3://${join(desktop.folder, `${name}.db`)}`
    const bucket = join(desktop.folder, `${name}-bucket/`)
    const cache = ['--cache-dir', join(desktop.folder, `${name}-cache`)]
    for (const args of [
      ['format', meta, name, '--storage', 'file', '--bucket', bucket],
      ['mount', '-d', ...cache, ...options, meta, at],
    ]) {
      const { code, stderr } = await desktop.pomelo(args)
      assert.equal(code, 0, stderr)
    }
  }

  test(`${kind}: the window opens on the daemon it has started`, { skip }, async (t) => {
    ;({ app, page } = await desktop.launch())
    t.diagnostic(`Electron ${await electronVersion(found.path!)}`)
    assert.equal(await page.title(), 'Pomelo')
    assert.match(page.url(), /^http:\/\/127\.0\.0\.1:\d+\//)
    assert.doesNotMatch(page.url(), /code=/, 'the single-use code is gone from the address')
    await page.getByText('New volume').first().waitFor({ timeout: 30_000 })
    await page.screenshot({ path: join(artifacts, `electron-${kind}-empty.png`) })
    assert.equal(await app.evaluate(({ app: inside }) => inside.isPackaged), kind === 'packed')
  })

  test(`${kind}: a page has no Node, and a bridge of functions`, { skip }, async () => {
    const types = await page.evaluate(() =>
      ['require', 'process', 'module', 'Buffer', 'global'].map(
        (name) => typeof Reflect.get(globalThis, name),
      ),
    )
    assert.deepEqual(new Set(types), new Set(['undefined']))
    const preferences = await app.evaluate(({ BrowserWindow }) => {
      const contents = BrowserWindow.getAllWindows()[0]!.webContents as unknown as {
        getLastWebPreferences(): Record<string, unknown>
      }
      const { contextIsolation, sandbox, nodeIntegration, webSecurity, webviewTag } =
        contents.getLastWebPreferences()
      return { contextIsolation, sandbox, nodeIntegration, webSecurity, webviewTag }
    })
    assert.deepEqual(preferences, {
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      webSecurity: true,
      webviewTag: false,
    })
    const bridge = await page.evaluate(() => Object.keys(Reflect.get(globalThis, 'pomeloDesktop')))
    assert.ok(bridge.includes('chooseFolder') && !bridge.some((name) => /ipc|send|invoke/i.test(name)))
  })

  test(`${kind}: the policy stops inline code and other origins`, { skip }, async () => {
    const outcome = await page.evaluate(async () => {
      const script = document.createElement('script')
      script.textContent = 'globalThis.injected = true'
      document.body.append(script)
      const reached = await fetch('https://example.com/').then(
        () => true,
        () => false,
      )
      return { injected: Reflect.get(globalThis, 'injected') === true, reached }
    })
    assert.deepEqual(outcome, { injected: false, reached: false })
    const policy = await page.evaluate(async () => (await fetch('/')).headers.get('content-security-policy'))
    assert.match(policy ?? '', /default-src 'none'/)
  })

  test(`${kind}: the page cannot leave, open windows or get permissions`, { skip }, async () => {
    const before = page.url()
    await page.evaluate(() => {
      location.href = 'https://example.com/'
    })
    await page.evaluate(() => window.open('http://127.0.0.1:9/', '_blank'))
    await page.evaluate(() => window.open('file:///etc/passwd', '_blank'))
    await sleep(500)
    assert.equal(page.url(), before)
    assert.equal(await windowCount(app), 1)
    const permissions = await page.evaluate(async () => {
      const names = ['geolocation', 'camera', 'microphone', 'notifications'] as PermissionName[]
      return Promise.all(names.map(async (name) => (await navigator.permissions.query({ name })).state))
    })
    assert.deepEqual(new Set(permissions), new Set(['denied']))
    await page.reload() // Playwright waits for the navigation that was stopped, until there is another
    await page.getByText('New volume').first().waitFor({ timeout: 10_000 })
  })

  test(`${kind}: the bridge checks its arguments`, { skip }, async () => {
    const refusals = await page.evaluate(async () => {
      const bridge = Reflect.get(globalThis, 'pomeloDesktop')
      const said = (work: Promise<unknown>) => work.then(String, (error: Error) => error.message)
      return [await said(bridge.reveal('relative')), await said(bridge.chooseFile({ extensions: ['*'] }))]
    })
    assert.match(refusals[0]!, /path must be an absolute path/)
    assert.match(refusals[1]!, /extensions must be/)
  })

  test(`${kind}: the keychain's plain-text fallback is said, and updates are off`, { skip }, async () => {
    const { keychain, update } = await page.evaluate(async () => {
      const bridge = Reflect.get(globalThis, 'pomeloDesktop')
      return { keychain: await bridge.keychain(), update: await bridge.updateState() }
    })
    // A machine with a keyring says so; this one has no session bus.
    assert.equal(keychain.kind, 'plain')
    assert.match(keychain.sentence, /not encrypted/)
    assert.equal(update.step, 'off')
  })

  test(`${kind}: tray and menu show a volume with its state and actions`, { skip }, async () => {
    await mountVolume('media', mountPoint, [])
    const entries = await until('the volume in the menu', async () => {
      const all = await volumesMenu(app)
      return all.some((label) => /● media – Mounted/.test(label)) && all
    })
    const at = entries.findIndex((label) => label.includes('● media'))
    const own = entries.slice(at + 1).slice(0, 5)
    assert.ok(own.includes('  Open folder') && own.includes('  Unmount'), own.join('\n'))
    await page.getByText('media').first().waitFor({ timeout: 10_000 })
    await page.screenshot({ path: join(artifacts, `electron-${kind}-mounted.png`) })
  })

  test(`${kind}: a second start shows the first window, and follows a link`, { skip }, async () => {
    const second = desktop.again(['pomelo://settings'])
    const code = await new Promise((resolve) => second.once('exit', resolve))
    assert.equal(code, 0)
    await until('the settings page', async () => page.url().endsWith('#/settings'))
    assert.equal(await windowCount(app), 1)
  })

  test(`${kind}: "Start at login" writes an entry, and takes it away`, { skip }, async () => {
    const entry = join(desktop.env.XDG_CONFIG_HOME!, 'autostart', 'pomelo.desktop')
    const setting = page.getByRole('switch', { name: 'Start at login' })
    await setting.click()
    const text = await until('the entry', () => readFile(entry, 'utf8').catch(() => undefined))
    assert.match(text, /^Exec=.* --hidden$/m)
    await setting.click()
    await until('no entry', () =>
      access(entry).then(
        () => false,
        () => true,
      ),
    )
  })

  test(`${kind}: closing the window ends neither daemon nor mount, and it opens where it was`, {
    skip,
  }, async () => {
    const place = { x: 40, y: 50, width: 1000, height: 700 }
    await app.evaluate(
      ({ BrowserWindow }, bounds) => BrowserWindow.getAllWindows()[0]!.setBounds(bounds),
      place,
    )
    await sleep(1000)
    await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.close())
    await until('the window to close', async () => (await windowCount(app)) === 0)
    assert.equal((await run('stat', [join(mountPoint, '.')])).code, 0)
    const opened = app.waitForEvent('window', { timeout: 30_000 })
    desktop.again()
    page = await opened
    await page.waitForLoadState('load')
    const bounds = await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.getBounds())
    assert.deepEqual([bounds.width, bounds.height], [place.width, place.height])
    await page.getByText('media').first().waitFor({ timeout: 30_000 })
  })

  test(`${kind}: a daemon that was killed is started again, and the page signs in again`, {
    skip,
  }, async () => {
    const before = await daemonPid()
    const address = page.url()
    process.kill(before, 'SIGKILL')
    await until('another daemon', async () => {
      const pid = await daemonPid().catch(() => undefined)
      return pid !== undefined && pid !== before
    })
    await until('another page', async () => page.url() !== address && !/code=/.test(page.url()))
    await page.getByText('media').first().waitFor({ timeout: 30_000 })
    assert.equal(await page.getByText('This window is signed out').count(), 0)
    assert.equal((await run('stat', [join(mountPoint, '.')])).code, 0, 'the mount went on')
  })

  test(`${kind}: quitting asks while something is still to upload`, { skip }, async () => {
    await mountVolume('slow', slowMount, ['--writeback', '--upload-limit', '1'])
    assert.equal(
      (await run('dd', ['if=/dev/urandom', `of=${join(slowMount, 'f')}`, 'bs=1M', 'count=6', 'conv=fsync']))
        .code,
      0,
    )
    await until('the pending upload', async () =>
      (await volumesMenu(app)).some((label) => /slow – Uploading/.test(label)),
    )
    await answerBoxes(app, 2)
    await app.evaluate(({ app: inside }) => inside.quit())
    const [question] = await until('the question', async () => {
      const asked = await askedBoxes(app)
      return asked.length > 0 && asked
    })
    assert.match(question!.message, /MiB of slow still to upload/)
    assert.match(question!.detail, /stay mounted/)
    assert.equal(await windowCount(app), 1, 'cancelled: nothing has ended')
  })

  test(`${kind}: a killed app leaves daemon and mounts, and the next one finds them`, { skip }, async () => {
    const before = await daemonPid()
    kill(app)
    await sleep(500)
    process.kill(before, 0)
    assert.equal((await run('stat', [join(mountPoint, '.')])).code, 0)
    ;({ app, page } = await desktop.launch())
    await page.getByText('media').first().waitFor({ timeout: 30_000 })
    assert.equal(await daemonPid(), before)
  })

  test(`${kind}: quitting with everything uploaded asks nothing`, { skip }, async () => {
    await desktop.pomelo(['umount', '--force', slowMount])
    await until(
      'only what is uploaded',
      async () => !(await volumesMenu(app)).some((label) => /slow – Up/.test(label)),
    )
    await answerBoxes(app, 2)
    const ended = new Promise((resolve) => app.process().once('exit', resolve))
    await app.evaluate(({ app: inside }) => inside.quit()).catch(() => undefined)
    await Promise.race([ended, sleep(20_000).then(() => assert.fail('the app did not end'))])
    assert.equal((await run('stat', [join(mountPoint, '.')])).code, 0, 'the mount went on')
  })

  async function daemonPid(): Promise<number> {
    const { stdout, stderr, code } = await desktop.pomelo(['daemon', 'status', '--json'])
    assert.equal(code, 0, stderr)
    return (JSON.parse(stdout) as { daemonPid: number }).daemonPid
  }
}
