//! Whose device is whose: what the embedder knows, and does not always answer.

use std::sync::Arc;

use async_trait::async_trait;
use wom_sdk::{
    Error, Kind, Result, Subject,
    collector::{Directory, Person},
};

use super::{bugs::Bug, process::Process, records::Records, weather::Fault};

/// The directory, as one process asks it.
#[derive(Debug)]
pub(super) struct People(pub(super) Arc<Process>);

#[async_trait]
impl Directory for People {
    async fn person(&self, subject: &Subject) -> Result<Option<Person>> {
        let world = &self.0.world;
        if world.chance(50) {
            world.sleep_ms(1, 400).await;
        }
        self.0.may_die("directory").await;
        if world.strikes(Fault::Unreachable) {
            let error = Error::new(Kind::NetworkUnreachable, "the directory does not answer");
            return Err(error);
        }
        if world.has(Bug::LinkForgotten) && world.chance(20) {
            return Ok(None);
        }
        Ok(Records::owner(subject).map(|person| Person {
            subject: Records::subject(person),
            handle: None,
        }))
    }
}
