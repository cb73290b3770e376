/** The servers that the Redis tests start are what they are said to be, and leave nothing behind. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { bundle } from '../packages/hrm-core/test/support/bundle.js';
import { temporaryDirectory } from './support/hrm.js';
import { eventually } from './support/redis-process.js';
import { startRedis, startRedisCluster, startRedisSentinel } from './support/redis-server.js';

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('startRedis', () => {
  it('keeps what it answered over a SIGKILL, on the same port', async () => {
    const redis = await startRedis();
    const { pid, port } = redis;
    expect(await redis.cli('CONFIG', 'GET', 'appendfsync')).toBe('appendfsync\nalways');
    expect(await redis.cli('RPUSH', 'list', 'a', 'b')).toBe('2');
    await redis.kill('SIGKILL');
    expect(isAlive(pid)).toBe(false);
    await expect(redis.cli('PING')).rejects.toThrow('Connection refused');
    await redis.restart();
    expect([redis.port, await redis.cli('LRANGE', 'list', '0', '-1')]).toEqual([port, 'a\nb']);
    await expect(redis.cli('LPOP', 'list', 'x')).rejects.toThrow();
  });

  it('takes persistence and further settings as told', async () => {
    const redis = await startRedis({ appendfsync: 'everysec', appendonly: false, config: ['maxmemory 12345678'] });
    const settings = await redis.cli('CONFIG', 'GET', 'append*only', 'appendfsync', 'maxmemory');
    expect(settings.split('\n')).toEqual(expect.arrayContaining(['everysec', 'no', '12345678']));
  });

  it('speaks only TLS where asked, under a certificate that can be checked', async () => {
    const redis = await startRedis({ tls: true, user: { name: 'hrm', password: 's e/c?ret' } });
    expect(redis.url).toBe(`rediss://hrm:s%20e%2Fc%3Fret@127.0.0.1:${redis.port}`);
    const socket = connect({ host: '127.0.0.1', port: redis.port, ca: readFileSync(redis.caFile ?? '') });
    await once(socket, 'secureConnect');
    socket.end();
    expect(await redis.cli('ACL', 'WHOAMI')).toBe('hrm');
  });

  it('lets nobody in without the password', async () => {
    const redis = await startRedis({ user: { password: 'secret' } });
    expect(redis.url).toBe(`redis://:secret@127.0.0.1:${redis.port}`);
    expect(await redis.cli('ACL', 'WHOAMI')).toBe('default');
    const stranger = promisify(execFile)('redis-cli', ['-e', '-p', String(redis.port), 'PING']);
    await expect(stranger).rejects.toMatchObject({ stderr: expect.stringContaining('NOAUTH') });
  });
});

describe('a test run that is killed', () => {
  it('leaves neither process nor files behind', async () => {
    const directory = await temporaryDirectory();
    const files = join(directory, 'files');
    await mkdir(files);
    await bundle(fileURLToPath(new URL('./support/reaper.ts', import.meta.url)), directory);
    const program = `
      import { spawn } from 'node:child_process';
      import { createReaper } from './reaper.mjs';
      const reaper = createReaper(process.argv[2]);
      const child = spawn('sleep', ['600'], { stdio: 'ignore' });
      reaper.watch(child.pid);
      console.log(child.pid);
      setInterval(() => undefined, 1000);`;
    await writeFile(join(directory, 'run.mjs'), program);
    const run = spawn(process.execPath, [join(directory, 'run.mjs'), files], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(createInterface(run.stdout), 'line')) as [string];
    const pid = Number(line);
    expect([isAlive(pid), existsSync(files)]).toEqual([true, true]);
    run.kill('SIGKILL');
    await eventually(
      'the process is killed and its files are deleted',
      async () => !isAlive(pid) && !existsSync(files),
    );
  });
});

describe('startRedisCluster', () => {
  it.each([1, 3] as const)('serves every slot from %i masters', async (masters) => {
    const { nodes } = await startRedisCluster(masters);
    const [first] = nodes;
    expect(nodes).toHaveLength(masters);
    expect(await first?.cli('CLUSTER', 'INFO')).toMatch(
      new RegExp(`cluster_slots_ok:16384\r[\\s\\S]*cluster_size:${masters}`),
    );
    expect(await first?.cli('-c', 'SET', 'foo', 'bar')).toContain('OK');
    expect(await first?.cli('-c', 'GET', 'foo')).toContain('bar');
  });
});

describe('startRedisSentinel', () => {
  it('makes the replica the master when the master is killed', async () => {
    const { master, replica, sentinel, masterName } = await startRedisSentinel();
    await master.cli('SET', 'a', '1');
    // WAIT is about the writes of its own connection, and each command has one of its own.
    await eventually('the replica has it', async () => (await replica.cli('GET', 'a')) === '1');
    await master.kill();
    await eventually('the sentinel names the replica', async () => {
      const address = await sentinel.cli('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName);
      return address === `127.0.0.1\n${replica.port}`;
    });
    await eventually(
      'the replica takes writes',
      async () => (await replica.cli('SET', 'b', '2').catch(() => '')) === 'OK',
    );
    expect(await replica.cli('GET', 'a')).toBe('1');
  });
});
