// A learner's morning with cmi5 content whose client library is a real one. This is the LMS: it
// launches the content, answers what an LRS's documents would, and hands statements on to a real LRS
// as they came. The first argument is the folder of the installed packages; WOM_LRS is the LRS's
// address, WOM_LRS_TOKEN what stands after "Basic", WOM_MORNING the instant of nine o'clock.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(`${process.argv[2]}/`);
const { WOM_LRS: lrs, WOM_LRS_TOKEN: token, WOM_MORNING: morning } = process.env;
const platform = 'https://lms.example.org';
const cmi5 = 'https://w3id.org/xapi/cmi5/context';

// The content's clock, which the morning moves.
const RealDate = Date;
let ahead = 0;
globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length) super(...given);
    else super(Date.now());
  }

  static now() {
    return RealDate.now() + ahead;
  }
};
const goTo = (minutes) => {
  ahead = RealDate.parse(morning) + minutes * 60_000 - RealDate.now();
};

// The library is made for browsers.
globalThis.window = globalThis;
globalThis.location = { search: '' };
globalThis.XMLHttpRequest = require('xhr2');
const Cmi5 = require('@xapi/cmi5/dist/Cmi5.umd.js');
const XAPI = require('@xapi/xapi');

let launch;
const fetched = new Set();
const lms = createServer(async (request, response) => {
  const path = new URL(request.url, 'http://lms').pathname;
  const answer = (status, body) => {
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  const parts = [];
  for await (const part of request) parts.push(part);
  if (path.startsWith('/fetch/')) {
    if (fetched.has(path)) return answer(200, { 'error-code': '1', 'error-text': 'Already in use' });
    fetched.add(path);
    return answer(200, { 'auth-token': token });
  }
  if (request.headers.authorization !== `Basic ${token}`) return answer(401, {});
  if (path === '/lrs/activities/state') return answer(200, launch);
  if (path === '/lrs/agents/profile') return answer(200, {});
  if (path !== '/lrs/statements') return answer(404, {});
  const { authorization, 'content-type': type, 'x-experience-api-version': version } = request.headers;
  const given = await fetch(`${lrs}/statements`, {
    method: request.method,
    headers: { authorization, 'content-type': type, 'x-experience-api-version': version },
    body: Buffer.concat(parts),
  });
  answer(given.status, await given.json());
});
await new Promise((ready) => lms.listen(0, '127.0.0.1', ready));
const address = `http://127.0.0.1:${lms.address().port}`;

// Launches an activity for a learner as an LMS does, and starts the content.
async function start({ learner, activity, session, mode = 'Normal' }) {
  const actor = { objectType: 'Agent', account: { homePage: platform, name: learner } };
  const registration = crypto.randomUUID();
  const extensions = { [`${cmi5}/extensions/sessionid`]: session };
  launch = {
    contextTemplate: {
      contextActivities: { grouping: [{ objectType: 'Activity', id: `${platform}/pub/${activity}` }] },
      extensions,
    },
    launchMode: mode,
    moveOn: 'CompletedAndPassed',
    masteryScore: 0.8,
  };
  const own = new XAPI({ endpoint: `${address}/lrs/`, auth: `Basic ${token}` });
  await own.sendStatement({
    statement: {
      actor,
      verb: { id: 'http://adlnet.gov/expapi/verbs/launched', display: { en: 'launched' } },
      object: { objectType: 'Activity', id: `${platform}/act/${activity}` },
      timestamp: new Date().toISOString(),
      context: {
        registration,
        contextActivities: { category: [{ id: `${cmi5}/categories/cmi5` }] },
        extensions: { ...extensions, [`${cmi5}/extensions/launchmode`]: mode },
      },
    },
  });
  const link = new URLSearchParams({
    endpoint: `${address}/lrs/`,
    fetch: `${address}/fetch/${session}`,
    actor: JSON.stringify(actor),
    registration,
    activityId: `${platform}/act/${activity}`,
  });
  window.location.search = `?${link}`;
  const content = new Cmi5();
  await content.initialize();
  return content;
}

// From nine on a module, which is completed, passed and left after 25 minutes and a half.
goTo(0);
const computer = await start({ learner: 'canary-lea', activity: 'rivers', session: 'canary-s1' });
goTo(10);
await computer.progress(40);
await computer.interactionTrueFalse('test', 'q1', true, true);
// From a quarter past the same learner on a telephone, for twenty minutes and a half.
goTo(15);
const phone = await start({ learner: 'canary-lea', activity: 'lakes', session: 'canary-s2' });
goTo(24);
await computer.complete();
await computer.pass(0.9);
goTo(25.5);
await computer.terminate();
goTo(35.5);
await phone.terminate();
// Somebody who looks back at what was done.
goTo(40);
const review = await start({ learner: 'canary-max', activity: 'rivers', session: 'canary-s3', mode: 'Review' });
goTo(50.5);
await review.terminate();
// Somebody who studies for ten minutes, fails and goes.
goTo(60);
const exam = await start({ learner: 'canary-ida', activity: 'exam', session: 'canary-s4' });
goTo(70.5);
await exam.fail(0.3);
await exam.terminate();
lms.close();
