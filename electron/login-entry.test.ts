import assert from 'node:assert/strict'
import test from 'node:test'
import { loginEntry } from './login-entry.ts'

const exec = (program: string, args: string[] = []) => /^Exec=(.*)$/m.exec(loginEntry({ program, args }))?.[1]

test('the entry starts Pomelo without its window', () => {
  assert.equal(exec('/opt/Pomelo/pomelo'), '/opt/Pomelo/pomelo --hidden')
  assert.match(loginEntry({ program: '/x', args: [] }), /^\[Desktop Entry\]\nType=Application\n/)
})

test('paths with blanks and signs are quoted as the specification says', () => {
  assert.equal(exec('/home/me/My Apps/Pomelo.AppImage'), '"/home/me/My Apps/Pomelo.AppImage" --hidden')
  assert.equal(exec('/a%b'), '/a%%b --hidden')
  assert.equal(exec('/a$b'), '"/a\\\\$b" --hidden')
  assert.equal(exec('/x', ['app folder']), '/x "app folder" --hidden')
})
