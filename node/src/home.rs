//! One JavaScript thread: its calls that are under way, and what we ask it.
//!
//! Every call has a number of the face's. Its answer is posted to the face, which settles a promise; so
//! errors have the stack of who called. What we ask, of adapters that are written in JavaScript, goes
//! the other way: we number it, and the face replies.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use napi::{
    Env, Status,
    bindgen_prelude::{Buffer, FnArgs, Function, Uint8Array},
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use napi_derive::napi;
use serde::Serialize;
use tokio::{sync::oneshot, task::AbortHandle};
use wom_sdk::{Error, Kind, Result};

use crate::{
    log,
    raised::Thrown,
    runtime::runtime,
    text::{fault, read, write},
};

/// What the face is called with: what it is, its number, whom it is for, text, bytes.
type Words = FnArgs<(String, u32, u32, String, Option<Buffer>)>;

/// Weak, as what is open must not keep a process alive; the face does while a call is under way.
type Post = ThreadsafeFunction<Letter, (), Words, Status, false, true>;

/// What is posted to the face.
pub(crate) struct Letter {
    what: &'static str,
    number: u32,
    whom: u32,
    text: String,
    bytes: Option<Vec<u8>>,
}

/// What was replied: text and bytes.
pub(crate) type Replied = (String, Option<Vec<u8>>);

/// One JavaScript thread, for the face. Its function is called with everything that is posted.
#[napi]
pub struct Home(pub(crate) Arc<Thread>);

/// A JavaScript thread, as long as it lives.
pub(crate) struct Thread {
    post: Post,
    mail: Mutex<Mail>,
}

#[derive(Default)]
struct Mail {
    /// Whether the thread has ended.
    over: bool,
    calls: BTreeMap<u32, AbortHandle>,
    asked: BTreeMap<u32, oneshot::Sender<Result<Replied>>>,
    last: u32,
}

#[napi]
impl Home {
    /// A JavaScript thread whose face is this function.
    #[napi(constructor)]
    pub fn new(env: Env, face: Function<'_, Words, ()>) -> napi::Result<Self> {
        let post = face
            .build_threadsafe_function::<Letter>()
            .weak::<true>()
            .callee_handled::<false>()
            .build_callback(|context| {
                let letter: Letter = context.value;
                let bytes = letter.bytes.map(Buffer::from);
                Ok(FnArgs::from((
                    letter.what.to_owned(),
                    letter.number,
                    letter.whom,
                    letter.text,
                    bytes,
                )))
            })?;
        let thread = Arc::new(Thread {
            post,
            mail: Mutex::default(),
        });
        log::tell(&thread);
        env.add_env_cleanup_hook(Arc::clone(&thread), |thread| thread.end())?;
        Ok(Self(thread))
    }

    /// Gives a call up.
    #[napi]
    pub fn cancel(&self, call: u32) {
        let abort = self.0.mail().calls.remove(&call);
        if let Some(abort) = abort {
            abort.abort();
        }
    }

    /// Replies to what was asked: with text and bytes, or with what was thrown.
    #[napi]
    pub fn reply(&self, number: u32, good: bool, text: String, bytes: Option<Uint8Array>) {
        let asked = self.0.mail().asked.remove(&number);
        let Some(asked) = asked else { return };
        let replied = match good {
            true => Ok((text, bytes.map(|bytes| bytes.to_vec()))),
            false => Err(match read::<Thrown>(&text) {
                Ok(thrown) => thrown.error(number),
                Err(error) => error,
            }),
        };
        // Who asked may have been given up.
        let _ = asked.send(replied);
    }
}

impl std::fmt::Debug for Home {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Home")
    }
}

impl Thread {
    /// Begins a call. Its answer is posted whatever happens to it, in a panic too.
    pub(crate) fn begin<T: Serialize>(
        self: &Arc<Self>,
        call: u32,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) {
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return self.answer(call, Err(error)),
        };
        let task = runtime.spawn(async move { write(&work.await?) });
        self.mail().calls.insert(call, task.abort_handle());
        let thread = Arc::clone(self);
        runtime.spawn(async move {
            let outcome = match task.await {
                Ok(outcome) => outcome,
                Err(error) if error.is_cancelled() => Err(Error::new(
                    Kind::Cancelled,
                    "the call was given up before its answer came",
                )
                .hint("call again with the same key: what was begun is written down")),
                Err(_) => Err(Error::new(Kind::Internal, "the call ended in a panic")),
            };
            thread.mail().calls.remove(&call);
            thread.answer(call, outcome);
        });
    }

    /// Asks the face, without waiting for the reply.
    ///
    /// # Errors
    /// [`Kind::Cancelled`] if the thread has ended.
    pub(crate) fn ask(
        &self,
        what: &'static str,
        whom: u32,
        text: String,
        bytes: Option<Vec<u8>>,
    ) -> Result<oneshot::Receiver<Result<Replied>>> {
        let (sender, replied) = oneshot::channel();
        let number = {
            let mut mail = self.mail();
            if mail.over {
                return Err(gone());
            }
            mail.last = mail.last.wrapping_add(1);
            let number = mail.last;
            mail.asked.insert(number, sender);
            number
        };
        self.post(Letter {
            what,
            number,
            whom,
            text,
            bytes,
        });
        Ok(replied)
    }

    /// Asks the face, and waits for the reply where blocking is allowed or can be made so.
    pub(crate) fn ask_blocking(
        &self,
        what: &'static str,
        whom: u32,
        text: String,
        bytes: Option<Vec<u8>>,
    ) -> Result<Replied> {
        let replied = self.ask(what, whom, text, bytes)?;
        tokio::task::block_in_place(|| replied.blocking_recv()).unwrap_or_else(|_| Err(gone()))
    }

    /// Tells the face something that it does not reply to.
    pub(crate) fn tell(&self, what: &'static str, whom: u32, text: String) {
        self.post(Letter {
            what,
            number: 0,
            whom,
            text,
            bytes: None,
        });
    }

    fn answer(&self, call: u32, outcome: Result<String>) {
        let (what, text) = match outcome {
            Ok(text) => ("good", text),
            Err(error) => ("fault", fault(&error)),
        };
        self.post(Letter {
            what,
            number: call,
            whom: 0,
            text,
            bytes: None,
        });
    }

    /// A thread that has ended hears of nothing.
    fn post(&self, letter: Letter) {
        let number = letter.number;
        let asking = letter.what != "good" && letter.what != "fault";
        let status = self
            .post
            .call(letter, ThreadsafeFunctionCallMode::NonBlocking);
        if status != Status::Ok && asking {
            drop(self.mail().asked.remove(&number));
        }
    }

    /// The thread ends: its calls are given up, and nobody waits for a reply of it.
    fn end(&self) {
        let mail = {
            let mut mail = self.mail();
            let before = std::mem::take(&mut *mail);
            mail.over = true;
            before
        };
        for abort in mail.calls.values() {
            abort.abort();
        }
    }

    fn mail(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Thread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Thread")
    }
}

/// The JavaScript thread that was asked has ended.
pub(crate) fn gone() -> Error {
    Error::new(Kind::Cancelled, "the JavaScript thread has ended")
}
