/** What can be known of the files for AWS without an account and without a container engine. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const MODULE = join(ROOT, 'deploy', 'terraform');
const read = (...path: string[]) => readFileSync(join(ROOT, ...path), 'utf8');
const terraform = readdirSync(MODULE)
  .filter((name) => name.endsWith('.tf'))
  .map((name) => readFileSync(join(MODULE, name), 'utf8'))
  .join('\n');

/** The actions that a statement allows. */
function rightsOf(sid: string): string[] {
  const [, statement = ''] = roles.split(`sid       = "${sid}"`);
  return (/actions\s+= \[([^\]]*)\]/.exec(statement)?.[1] ?? '').match(/\w+:\w+/g) ?? [];
}

const roles = read('deploy', 'terraform', 'roles.tf');

/** The rights that the actions need which the driver of SQS asks for. */
function needed(): Set<string> {
  const directory = join(ROOT, 'packages', 'hrm-core', 'src', 'drivers', 'queue', 'sqs');
  const sources = readdirSync(directory).map((name) => readFileSync(join(directory, name), 'utf8'));
  const actions = sources.flatMap((text) => [...text.matchAll(/'([A-Z]\w+)'/g)].map(([, action = '']) => action));
  const known = /^(Send|Receive|Delete|Change|Get|List|Tag)(Message|Queue)/;
  return new Set(actions.filter((one) => known.test(one)).map((one) => `sqs:${one.replace(/Batch$/, '')}`));
}

describe('the Terraform module', () => {
  it('is in the form of Terraform, as far as Terraform is here', () => {
    const { status, stdout, error } = spawnSync('terraform', ['fmt', '-check', '-diff', MODULE], { encoding: 'utf8' });
    if (error !== undefined) return console.warn('deploy-aws: without Terraform its files are not parsed');
    expect([status, stdout]).toEqual([0, '']);
  });

  it('gives the consumer every right that its driver needs, and none besides', () => {
    const ofQueue = [...rightsOf('Look'), ...rightsOf('Send'), ...rightsOf('Receive')];
    expect(new Set(ofQueue)).toEqual(needed());
    expect(rightsOf('Adopt').filter((right) => !ofQueue.includes(right))).toEqual([]);
  });

  it('gives the rights that the guide names', () => {
    const guide = read('docs', 'guides', 'aws.md');
    for (const sid of ['Objects', 'Listings', 'Look', 'Send', 'Receive', 'Adopt'])
      for (const right of rightsOf(sid)) expect(guide, right).toContain(`\`${right}\``);
    expect(rightsOf('Objects')).toEqual(['s3:GetObject', 's3:PutObject', 's3:DeleteObject']);
    expect(rightsOf('Listings')).toEqual(['s3:ListBucket']);
  });

  it('blocks the public, and what has no TLS; keeps readings for as long as SQS can; lets old versions go', () => {
    for (const block of ['block_public_acls', 'block_public_policy', 'ignore_public_acls', 'restrict_public_buckets'])
      expect(terraform.replaceAll(/ +/g, ' ')).toContain(`${block} = true`);
    expect(terraform.match(/variable = "aws:SecureTransport"\n\s+values\s+= \["false"\]/g)).toHaveLength(2);
    expect(terraform).toMatch(/retention_seconds = 1209600/);
    expect(terraform).toMatch(/maxReceiveCount = 1000/);
    expect(terraform).toMatch(/noncurrent_version_expiration/);
  });
});

describe('the stand-ins', () => {
  it('are what a tool for containers reads, and all parts of the system are beside them', () => {
    const compose = parse(read('deploy', 'aws-local', 'docker-compose.yml'), { merge: true });
    const { api, consumer, compacter, s3, sqs, bucket } = compose.services;
    expect([api, consumer, compacter].map(({ command }) => command.at(-1))).toEqual(['api', 'consumer', 'compacter']);
    expect([s3, sqs, bucket].every(({ image }) => typeof image === 'string')).toBe(true);
    expect(api.ports).toEqual(['127.0.0.1:8000:8000']);
    const { HRM_QUEUE_URL, HRM_STORAGE_URL } = consumer.environment;
    expect(read('deploy', 'aws-local', 'elasticmq.conf')).toContain(`\n  ${HRM_QUEUE_URL.split('/').at(-1)} {`);
    expect(bucket.command[0]).toContain(`s3/${HRM_STORAGE_URL.split('/')[2]}`);
  });
});
