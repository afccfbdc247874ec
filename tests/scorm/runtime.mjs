// A learner's morning with SCORM content in a real runtime, as an LMS would hand it on: a line of
// JSON for each commit. The first argument is the folder of the installed packages.
import { pathToFileURL } from 'node:url';

const modules = process.argv[2];
const load = (name) => import(pathToFileURL(`${modules}/node_modules/scorm-again/dist/esm/${name}.js`));
globalThis.window = globalThis;
const { Scorm12API } = await load('scorm12');
const { Scorm2004API } = await load('scorm2004');
const settings = { autocommit: false, lmsCommitUrl: false, logLevel: 5 };

function handOn(session, end, api, terminating, more = {}) {
  console.log(JSON.stringify({
    learner: 'canary-lea', activity: session.activity, session: session.id,
    start: `2026-03-02T${session.start}Z`, end: `2026-03-02T${end}Z`,
    commit: api.renderCommitObject(terminating), ...more,
  }));
}

function expect(answer, wanted) {
  if (answer !== wanted) throw new Error(`the runtime answers ${answer}, not ${wanted}`);
}

// SCORM 1.2: the time of a session is set twice, and a form of 2004 refused.
const first = { activity: 'safety/sco-1', id: 'launch-1', start: '09:00:00' };
const old = new Scorm12API(settings);
expect(old.LMSInitialize(''), 'true');
expect(old.LMSSetValue('cmi.core.lesson_status', 'incomplete'), 'true');
expect(old.LMSSetValue('cmi.core.session_time', 'PT12M'), 'false');
expect(old.LMSSetValue('cmi.core.session_time', '0000:12:30.50'), 'true');
expect(old.LMSCommit(''), 'true');
handOn(first, '09:12:40', old, false);
expect(old.LMSSetValue('cmi.core.session_time', '0000:25:00'), 'true');
expect(old.LMSSetValue('cmi.core.lesson_status', 'passed'), 'true');
handOn(first, '09:25:10', old, true);
expect(old.LMSFinish(''), 'true');

// SCORM 2004: content that was here for an hour before, and claims an hour for ten minutes.
const second = { activity: 'safety/sco-2', id: 'launch-2', start: '10:00:00' };
const recent = new Scorm2004API(settings);
recent.loadFromJSON({ cmi: { total_time: 'PT1H' } }, '');
expect(recent.Initialize(''), 'true');
expect(recent.GetValue('cmi.total_time'), 'PT1H');
expect(recent.SetValue('cmi.session_time', 'PT1H'), 'true');
expect(recent.SetValue('cmi.completion_status', 'completed'), 'true');
handOn(second, '10:10:00', recent, true, { total_before: 'PT1H' });
expect(recent.Terminate(''), 'true');
