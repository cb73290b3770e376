// Serves in several processes until its standard input ends.
import { loadSettings } from 'hrm-core/settings';
import { createLog, startWorkers } from 'hrm-server';

const settings = loadSettings({ env: process.env });
const service = await startWorkers(settings, { parts: ['api', 'consumer'], workers: 2, log: createLog(settings) });
process.stdout.write(service.url);
process.stdin
  .on('end', async () => {
    await service.close();
    process.exit(0);
  })
  .resume();
