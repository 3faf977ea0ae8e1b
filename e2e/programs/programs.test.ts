/**
 * Real programs living in a mount: version control, package installs, databases, copies, archives, compilers.
 * Each test has a volume of its own and ends with a clean unmount and a clean fsck.
 */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { root } from '../../scripts/runtime.mjs'
import { isLong, useEngines } from '../harness/engines.ts'
import { distroProgram } from '../harness/tools.ts'
import { mustPomelo, noMount, sh, type TestVolume } from '../harness/volume.ts'

const engines = useEngines()

/** `everywhere`: on every engine, not only on those that are tested in full. */
function inMount(
  name: string,
  format: readonly string[],
  work: (volume: TestVolume, t: TestContext) => Promise<void>,
  { everywhere = false }: { readonly everywhere?: boolean } = {},
): void {
  for (const engine of engines) {
    if (!engine.inFull && !everywhere) continue
    test(`${name}: ${engine.name}`, { skip: noMount || engine.skip, timeout: 900_000 }, async (t) => {
      await using volume = await engine.makeVolume(format)
      await volume.mount()
      await work(volume, t)
      await volume.unmount()
      await mustPomelo(['fsck', volume.meta])
      await mustPomelo(['fsck', '--path', '/', '--recursive', '--sync-dir-stat', volume.meta])
    })
  }
}

inMount(
  'git clones a repository with history, checks and repacks it',
  [],
  async (volume) => {
    const source = join(volume.folder, 'source')
    await sh(
      `git init -q ${source}; cd ${source}; git config user.email t@example.com; git config user.name t
     for k in $(seq 60); do echo "line $k" >> grows; mkdir -p d$((k % 7)); head -c $((k * 997)) /dev/urandom > d$((k % 7))/f$k; git add -A; git commit -qm "change $k"; done
     git tag v1; git checkout -qb side HEAD~20; echo side > side; git add side; git commit -qm side; git checkout -q -`,
    )
    await sh(
      `git clone -q --no-local ${source} clone; cd clone; git fsck --strict; git log --oneline | wc -l | grep -qx 60
     git checkout -q side 2>/dev/null || git checkout -qb side origin/side; git checkout -q -; git gc -q --prune=now; git fsck --strict; git status --porcelain | wc -l | grep -qx 0
     git rev-parse v1 > ../in-mount; git -C ${source} rev-parse v1 | cmp - ../in-mount`,
      {
        cwd: volume.mountPoint,
        timeoutMs: 180_000,
        env: { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*' },
      },
    )
  },
  { everywhere: true },
)

/** What the unit tests that run in the mount need; a long run installs everything. */
const NEEDED = ['node', 'better-sqlite3', 'lz4-napi', 'zod']

inMount('npm installs this project, and its unit tests run there', [], async (volume) => {
  const project = join(volume.mountPoint, 'pomelo')
  await sh(`mkdir ${project}; cp -r package.json package-lock.json tsconfig.json scripts core ${project}/`, {
    cwd: root,
  })
  if (!isLong) await keepDependencies(join(project, 'package.json'), NEEDED)
  // `install` fits the lock file to the fewer dependencies; `ci` would refuse it.
  await sh(`npm ${isLong ? 'ci' : 'install'} --no-audit --no-fund --loglevel=error`, {
    cwd: project,
    timeoutMs: 600_000,
  })
  await sh(
    'node_modules/.bin/node --test core/base/*.test.ts core/meta/slices.test.ts core/chunk/geometry.test.ts',
    { cwd: project, timeoutMs: 120_000 },
  )
})

async function keepDependencies(path: string, names: readonly string[]): Promise<void> {
  const { dependencies, devDependencies, optionalDependencies, ...rest } = JSON.parse(
    await readFile(path, 'utf8'),
  ) as Record<string, Record<string, string>>
  const kept = Object.entries(dependencies!).filter(([name]) => names.includes(name))
  assert.equal(kept.length, names.length, `package.json has not all of ${names.join(', ')}`)
  await writeFile(path, JSON.stringify({ ...rest, dependencies: Object.fromEntries(kept) }))
}

inMount('SQLite keeps its integrity in WAL and DELETE mode under concurrent writers', [], async (volume) => {
  const script = join(volume.folder, 'writer.py')
  await writeFile(
    script,
    `import sqlite3, sys
mode, who = sys.argv[1], int(sys.argv[2])
db = sqlite3.connect(f'{mode}.db', timeout=60, isolation_level=None)
db.execute(f'pragma journal_mode={mode}')
db.execute('pragma synchronous=full' if who == 0 else 'pragma synchronous=normal')
db.execute('create table if not exists t (who int, n int, filler blob)')
for n in range(80):
    db.execute('begin immediate')
    db.execute('insert into t values (?, ?, randomblob(2000))', (who, n))
    if n % 10 == 9: db.execute('delete from t where who = ? and n = ?', (who, n - 5))
    db.execute('commit')
`,
  )
  for (const mode of ['wal', 'delete']) {
    // SQLite answers "locked" at once, on every file system, when several switch an empty database to WAL.
    await sh(
      `python3 -c "import sqlite3; sqlite3.connect('${mode}.db').execute('pragma journal_mode=${mode}')"`,
      { cwd: volume.mountPoint },
    )
    await sh(
      `for k in 0 1 2 3; do python3 ${script} ${mode} $k & pids="$pids $!"; done; for p in $pids; do wait $p; done`,
      { cwd: volume.mountPoint, timeoutMs: 180_000 },
    )
    const check = `import sqlite3; db = sqlite3.connect('${mode}.db'); print(db.execute('pragma integrity_check').fetchone()[0], db.execute('select count(*) from t').fetchone()[0])`
    assert.equal((await sh(`python3 -c "${check}"`, { cwd: volume.mountPoint })).trim(), `ok ${4 * (80 - 8)}`)
  }
})

inMount('PostgreSQL runs pgbench in the mount and recovers from a crash restart', [], async (volume, t) => {
  if (!isLong) return t.skip('half a minute: part of the long run')
  if (process.getuid?.() !== 0) return t.skip('needs root to run the server as another user')
  await distroProgram('pg_ctlcluster', 'postgresql')
  const bin = (await sh('ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1 || true')).trim()
  if (bin === '') return t.skip('postgresql: package postgresql is not installed')
  const data = join(volume.mountPoint, 'pg')
  const as = 'setpriv --reuid=postgres --regid=postgres --init-groups'
  const start = `${as} ${bin}/pg_ctl -s -w -t 60 -D ${data} -o "-c listen_addresses='' -c unix_socket_directories=${volume.folder}" -l ${volume.folder}/pg.log start`
  await sh(
    `chmod 755 ${volume.folder}; touch ${volume.folder}/pg.log; chown postgres ${volume.folder} ${volume.folder}/pg.log; mkdir ${data}; chown postgres ${data}`,
  )
  await sh(`${as} ${bin}/initdb -D ${data} -A trust >/dev/null; ${start}`, { timeoutMs: 180_000 })
  try {
    const pg = `-h ${volume.folder} -U postgres`
    await sh(
      `${bin}/pgbench ${pg} -q -i -s 2 postgres >/dev/null 2>&1; ${bin}/pgbench ${pg} -c 4 -T 5 postgres`,
      { timeoutMs: 120_000 },
    )
    // -n: pgbench would empty its history table first
    await sh(
      `${bin}/pgbench ${pg} -n -c 4 -T 20 postgres >/dev/null 2>&1 & sleep 2; ${as} ${bin}/pg_ctl -s -D ${data} -m immediate stop; wait || true; ${start}`,
      { timeoutMs: 180_000 },
    )
    const sums = `select (select sum(abalance) from pgbench_accounts) = (select sum(tbalance) from pgbench_tellers) and (select sum(bbalance) from pgbench_branches) = (select coalesce(sum(delta), 0) from pgbench_history)`
    assert.equal((await sh(`${bin}/psql ${pg} -Atc "${sums}" postgres`)).trim(), 't')
  } finally {
    await sh(
      `${as} ${bin}/pg_ctl -s -D ${data} -m fast stop || ${as} ${bin}/pg_ctl -s -D ${data} -m immediate stop || true`,
      { timeoutMs: 90_000 },
    )
  }
})

inMount('cp -a of a large tree differs in nothing', [], async (volume, t) => {
  const tree = process.env.POMELO_COPY_TREE ?? (isLong ? '/usr/share' : '/usr/lib/python3')
  const started = performance.now()
  await sh(`cp -a ${tree} copy`, { cwd: volume.mountPoint, timeoutMs: 400_000 })
  t.diagnostic(`cp -a ${tree}: ${((performance.now() - started) / 1000).toFixed(1)} s`)
  await sh(`diff -r --no-dereference ${tree} copy`, { cwd: volume.mountPoint, timeoutMs: 400_000 })
  const list = `find . -printf '%p %y %m %U %G %n %s %T@ %l\\n' | grep -v '^[^ ]* d' | sort | md5sum`
  assert.equal(await sh(list, { cwd: join(volume.mountPoint, 'copy') }), await sh(list, { cwd: tree }))
})

inMount('fio verifies what it wrote: sequential, random, eight jobs, mmap', [], async (volume, t) => {
  const fio = await distroProgram('fio')
  if (fio.path === undefined) return t.skip(fio.missing)
  const common = `--directory=${volume.mountPoint} --verify=crc32c --verify_fatal=1 --output=${volume.folder}/fio.log --group_reporting`
  const jobs = [
    '--name=seq --rw=write --bs=1M --size=192M',
    '--name=rand --rw=randwrite --bs=4k --size=24M --fsync=64',
    '--name=many --rw=randrw --bs=16k --size=8M --numjobs=8',
    '--name=map --rw=randwrite --bs=4k --size=16M --ioengine=mmap',
    '--name=direct --rw=randrw --bs=64k --size=32M --direct=1 --ioengine=libaio --iodepth=8',
  ]
  for (const job of jobs)
    await sh(`fio ${common} ${job} || { cat ${volume.folder}/fio.log; exit 1; }`, {
      cwd: volume.folder, // where it leaves its state
      timeoutMs: 200_000,
    })
})

inMount(
  'a C program is compiled, linked and run',
  [],
  async (volume) => {
    await sh(
      `for k in $(seq 30); do echo "int f$k(int x) { return x + $k; }" > f$k.c; done
     { echo '#include <stdio.h>'; for k in $(seq 30); do echo "int f$k(int);"; done; echo 'int main(void) { int x = 0;'; for k in $(seq 30); do echo "x = f$k(x);"; done; echo 'printf("%d\\n", x); return 0; }'; } > main.c
     { echo 'all: prog'; echo 'prog: $(patsubst %.c,%.o,$(wildcard *.c))'; printf '\\tcc -o $@ $^\\n'; } > Makefile
     make -s -j4; ./prog | grep -qx 465; touch f3.c; make -s; ./prog | grep -qx 465; ar rcs libf.a f*.o; ar t libf.a | wc -l | grep -qx 30`,
      { cwd: volume.mountPoint, timeoutMs: 120_000 },
    )
  },
  { everywhere: isLong },
)

inMount(
  'tar carries hard links, holes, xattrs and ACLs out and in',
  ['--enable-acl'],
  async (volume, t) => {
    if (process.getuid?.() !== 0) return t.skip('needs root for owners and ACLs')
    const setfacl = await distroProgram('setfacl', 'acl')
    if (setfacl.path === undefined) return t.skip(setfacl.missing)
    const fill = join(root, 'e2e', 'interop', 'fill.py')
    const manifest = join(root, 'e2e', 'interop', 'manifest.py')
    const plain = (file: string): string =>
      `python3 ${manifest} take ${file} | python3 -c "import sys, json
for line in sys.stdin:
    e = json.loads(line); [e.pop(k, 0) for k in ('ino', 'ctime', 'atime')]; e['xattrs'] = sorted(e.get('xattrs', {}).items()); print(json.dumps(e))" | tail -n +2`
    await sh(
      `python3 ${fill} tree 7 --acl; rm tree/socket; tar --xattrs --xattrs-include='*' --acls -S --numeric-owner -cf ${volume.folder}/t.tar -C tree .
     mkdir out; tar --xattrs --xattrs-include='*' --acls --numeric-owner -xpf ${volume.folder}/t.tar -C out
     { ${plain('tree')}; } > ${volume.folder}/a; { ${plain('out')}; } > ${volume.folder}/b; diff ${volume.folder}/a ${volume.folder}/b`,
      { cwd: volume.mountPoint, timeoutMs: 180_000 },
    )
  },
  { everywhere: isLong },
)
