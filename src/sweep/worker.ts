/** The script of a worker of a sweep: counts the portions that it is sent. */
import { parentPort, workerData } from 'node:worker_threads';
import { countPortion, variantCounter, type Portion, type SweepJob } from './count.js';

const counter = variantCounter(workerData as SweepJob); // what `run.ts` gives to every worker
parentPort?.on('message', (portion: Portion) => {
  parentPort?.postMessage(countPortion(counter, portion));
});
