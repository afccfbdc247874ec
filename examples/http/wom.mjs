// WOM over HTTP, with Node 18 or newer and nothing else.
//
//   node wom.mjs award KEY MINUTES    a back end awards minutes and hands the code over
//   node wom.mjs charge BILL AMOUNT   a till asks for WOM, waits, and gives the discount once
//   node wom.mjs webhook              a CGI script takes a signed webhook of the service
//
// WOM_URL and WOM_TOKEN say where and who, WOM_WEBHOOK_SECRET is the webhook's secret.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const { WOM_URL, WOM_TOKEN, WOM_WEBHOOK_SECRET } = process.env;

// Asks until there is an answer: the same key again is the same award, the same payment.
async function ask(method, path, body, key) {
  const headers = { authorization: `Bearer ${WOM_TOKEN}` };
  if (key) headers['idempotency-key'] = key;
  if (body) headers['content-type'] = 'application/json';
  for (const pause of [1, 2, 4, 8, null]) {
    let problem, wait;
    try {
      const answer = await fetch(WOM_URL + path, {
        method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(60_000),
      });
      const text = await answer.text();
      if (answer.ok) return text ? JSON.parse(text) : null;
      problem = readProblem(answer, text);
      wait = Number(answer.headers.get('retry-after') ?? 0);
    } catch (error) {
      // The answer was lost; it may have happened or not.
      problem = { code: 'no_answer', detail: String(error.cause ?? error), retry: 'same_key' };
    }
    if (pause === null || problem.retry === 'never') throw new Error(`${problem.code}: ${problem.detail}`);
    await sleep(1000 * Math.max(pause, wait ?? 0));
  }
}

// What the service says is wrong, or a proxy before it, which says it in its own way.
function readProblem(answer, text) {
  try {
    return JSON.parse(text);
  } catch {
    return { code: `http_${answer.status}`, detail: answer.statusText, retry: 'same_key' };
  }
}

async function award(key, minutes) {
  const place = { latitude: 43.7263, longitude: 12.6366 };
  let award = await ask('POST', '/awards?wait=30', { aim: 'H', minutes: Number(minutes), place }, key);
  while (!award.code) {
    if (award.state === 'acknowledged') return console.log('handed over before');
    if (['held', 'parked'].includes(award.state)) throw new Error(`a person has to look: ${award.reason}`);
    award = await ask('GET', `/awards/${award.id}?wait=30`);
  }
  handOver(award.code);
  await ask('POST', `/awards/${award.id}/acknowledge`);
}

async function charge(bill, amount) {
  const wanted = { amount: Number(amount), filter: { aim: 'H' } };
  let checkout = await ask('POST', '/checkouts', wanted, `bill ${bill}`);
  if (checkout.code) handOver(checkout.code);
  while (checkout.state === 'shown') checkout = await ask('GET', `/checkouts/${checkout.id}?wait=30`);
  if (checkout.state !== 'paid') throw new Error(`no discount: ${checkout.state}`);
  console.log(once(`discount-${bill}`, '') ? 'discount' : 'discount given before');
}

function webhook() {
  const body = readFileSync(0);
  const { HTTP_WEBHOOK_ID: id, HTTP_WEBHOOK_TIMESTAMP: timestamp, HTTP_WEBHOOK_SIGNATURE: signatures } = process.env;
  if (!genuine(body, id, timestamp, signatures)) return console.log('Status: 401\n');
  // It may come twice: what it brings is done once.
  once(`webhook-${id}`, body);
  console.log('Status: 204\n');
}

// Standard Webhooks: signed over the raw bytes, and not older than five minutes.
function genuine(body, id, timestamp, signatures) {
  const secret = Buffer.from(WOM_WEBHOOK_SECRET.replace(/^whsec_/, ''), 'base64');
  const expected = createHmac('sha256', secret).update(`${id}.${timestamp}.`).update(body).digest();
  const known = signatures.split(' ').some((signature) => {
    const [version, text] = signature.split(',');
    const bytes = Buffer.from(text ?? '', 'base64');
    return version === 'v1' && bytes.length === expected.length && timingSafeEqual(bytes, expected);
  });
  return known && Math.abs(Date.now() / 1000 - Number(timestamp)) <= 300;
}

// To the person's app, or onto the till's display.
function handOver({ link, pin }) {
  console.log(link, pin);
}

// Whether it is the first time. A row with a unique key does this in your data base.
function once(name, content) {
  try {
    writeFileSync(name, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

const [command, ...words] = process.argv.slice(2);
try {
  await { award, charge, webhook }[command](...words);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
