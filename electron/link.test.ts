import assert from 'node:assert/strict'
import test from 'node:test'
import { linkOfArguments, routeOfLink } from './link.ts'

test('links name pages', () => {
  assert.equal(routeOfLink('pomelo://volumes'), '#/')
  assert.equal(routeOfLink('pomelo://new'), '#/new')
  assert.equal(routeOfLink('pomelo://settings/'), '#/settings')
})

test('links name a volume, a tab and a path in it', () => {
  assert.equal(routeOfLink('pomelo://volume/team-media'), '#/v/team-media/overview')
  assert.equal(routeOfLink('pomelo://volume/a%20b/files/x%2Fy/z'), '#/v/a%20b/files/x%2Fy/z')
})

test('anything else is not followed', () => {
  for (const link of [
    'https://example.com/',
    'pomelo://volume',
    'pomelo://volume/a/destroy',
    'pomelo://settings/extra',
    'pomelo://unknown',
    'pomelo://user@volumes',
    'pomelo://volumes:80',
    'pomelo://volume/%zz',
    `pomelo://volume/${'a'.repeat(101)}`,
    `pomelo://volumes?${'x'.repeat(5000)}`,
    'javascript:alert(1)',
    'pomelo',
  ])
    assert.equal(routeOfLink(link), undefined, link)
})

test('a path cannot leave its place in the address', () => {
  assert.equal(routeOfLink('pomelo://volume/a/files/%3Cscript%3E'), '#/v/a/files/%3Cscript%3E')
  assert.equal(routeOfLink('pomelo://volume/a/files/%23%2Fsettings'), '#/v/a/files/%23%2Fsettings')
})

test('the link is found among other arguments', () => {
  assert.equal(linkOfArguments(['/opt/pomelo', '--hidden', 'pomelo://new']), 'pomelo://new')
  assert.equal(linkOfArguments(['/opt/pomelo', '--hidden']), undefined)
})
