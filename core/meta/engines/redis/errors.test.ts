import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackendError, type BackendErrorKind } from '#core/base/errno.ts'
import { fromRedis, isClientError, LostConnection, replyCode, type Verdict, verdictOf } from './errors.ts'
import { ReplyError } from './replies.ts'

test('what the server says decides whether waiting helps, and what the caller is told', () => {
  const cases: readonly [string, Verdict, BackendErrorKind][] = [
    ['LOADING Redis is loading the dataset in memory', 'later', 'unavailable'],
    ['MASTERDOWN Link with MASTER is down', 'later', 'unavailable'],
    ['CLUSTERDOWN The cluster is down', 'later', 'unavailable'],
    ['TRYAGAIN Multiple keys request during rehashing of slot', 'later', 'unavailable'],
    ['BUSY Redis is busy running a script.', 'later', 'unavailable'],
    ['NOREPLICAS Not enough good replicas to write.', 'later', 'unavailable'],
    ['ASK 9842 127.0.0.1:7001', 'later', 'unavailable'],
    ['MOVED 9842 127.0.0.1:7001', 'elsewhere', 'unavailable'],
    [`READONLY You can't write against a read only replica.`, 'elsewhere', 'read-only'],
    [`OOM command not allowed when used memory > 'maxmemory'.`, 'final', 'no-space'],
    ['MISCONF Redis is configured to save RDB snapshots, but it cannot', 'final', 'read-only'],
    [`NOPERM User joe has no permissions to run the 'set' command`, 'final', 'denied'],
    ['NOAUTH Authentication required.', 'final', 'denied'],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'final', 'corrupt'],
    ['ERR syntax error', 'final', 'invalid'],
    // As servers before 7 wrap what a command in a script said.
    [
      `ERR Error running script (call to f_0123456789): @user_script:1: @user_script: 1: -OOM command not allowed when used memory > 'maxmemory'.`,
      'final',
      'no-space',
    ],
    [
      `ERR Error running script (call to f_0123456789): @user_script:1: @user_script: 1: -READONLY You can't write against a read only replica.`,
      'elsewhere',
      'read-only',
    ],
  ]
  for (const [message, verdict, kind] of cases) {
    const error = new ReplyError(message)
    assert.equal(verdictOf(error), verdict, message)
    const told = fromRedis(error, 'redis://h/1')
    assert.ok(told instanceof BackendError, message)
    assert.equal(told.kind, kind, message)
    assert.match(told.message, /^redis:\/\/h\/1: /)
  }
  assert.equal(replyCode('WRONGPASS invalid username-password pair'), 'WRONGPASS')
})

test('a broken connection is told from a command that never left', () => {
  assert.equal(verdictOf(new LostConnection('read ECONNRESET')), 'gone')
  assert.equal(verdictOf(new LostConnection('read ECONNRESET', false)), 'unsent')
})

test('errors of our own code are not taken for the server', () => {
  const own = new TypeError('x is not a function')
  assert.equal(isClientError(own), false)
  assert.equal(fromRedis(own, 'redis://h/1'), own)
  const told = new BackendError('corrupt', 'a record')
  assert.equal(fromRedis(told, 'redis://h/1'), told)
})
