/** The script of a process that runs jobs, one after the other. */
import { runJob, type Job } from './job.js';

process.on('message', (job: Job) => {
  void runJob(job).then((outcome) => process.send?.(outcome));
});
process.on('disconnect', () => process.exit());
