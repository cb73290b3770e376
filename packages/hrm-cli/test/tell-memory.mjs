/** Tells on standard error, at the end of the process, the most memory that it ever had. */
// Sampled: the kernel's own peak (maxRSS) begins with that of the process that started this one.
let max = 0;
setInterval(() => {
  max = Math.max(max, process.memoryUsage.rss());
}, 5).unref();
process.on('exit', () => process.stderr.write(String(max)));
