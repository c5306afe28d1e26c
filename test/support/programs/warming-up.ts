// Warms up as a stem does, until it has been asked so many times whether to go on (argument). Prints
// what the functions that it invokes print, then how often it was asked.
import { warmUp } from '../../../runtime/node/warm-up/warm-up.mjs';

const limit = Number(process.argv[2]);
const running = setInterval(() => {}, 1000); // keeps it running, as the channel to the host does
let looks = 0;
await warmUp(() => (looks += 1) <= limit);
clearInterval(running);
console.log('asked', looks);
