//! A POS: asks for payments and hears of them.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use wom_sdk::{
    Error, Kind, Result, SystemClock, Timestamp, cash_desk,
    checkout::{Charge, CheckoutId, State},
    protocol::{Aim, Bounds, Filter, Position},
    registry::PosClient,
    store::Store,
};

use crate::{
    Code, Credential, KeyPlace, Source, StorePlace,
    options::{Opened, invalid, open_keys, open_store},
};

/// What a [`CashDesk`] is opened with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CashDeskOptions {
    /// The POS at its Registry.
    pub pos: Source,
    /// Where checkouts are remembered; in memory towards a Registry of this machine.
    #[serde(default)]
    pub store: Option<StorePlace>,
    /// Where the keys are that seal codes.
    #[serde(default)]
    pub keys: Option<KeyPlace>,
}

/// What to ask for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChargeOptions {
    /// How many WOM: 1 to 1,500.
    pub amount: u32,
    /// Only WOM of this aim and its children.
    #[serde(default)]
    pub aim: Option<String>,
    /// Only WOM earned within: north, west, south, east, degrees.
    #[serde(default)]
    pub bounds: Option<(f64, f64, f64, f64)>,
    /// Only WOM earned at most so many days ago.
    #[serde(default)]
    pub max_age_days: Option<u32>,
    /// For how many seconds a shown code is waited for.
    #[serde(default)]
    pub patience: Option<f64>,
}

impl ChargeOptions {
    pub(crate) fn charge(&self) -> Result<Charge> {
        let mut charge = Charge::new(self.amount)?;
        let mut filter = Filter::default();
        if let Some(aim) = &self.aim {
            filter = filter.aim(aim.parse::<Aim>()?);
        }
        if let Some((north, west, south, east)) = self.bounds {
            let bounds = Bounds::new(Position::new(north, west)?, Position::new(south, east)?)?;
            filter = filter.bounds(bounds);
        }
        if let Some(days) = self.max_age_days {
            filter = filter.max_age_days(days)?;
        }
        charge.filter = (!filter.is_empty()).then_some(filter);
        if let Some(patience) = self.patience {
            charge.patience_ms = i64::try_from(seconds(patience)?.as_millis()).unwrap_or(i64::MAX);
        }
        Ok(charge)
    }
}

/// How a checkout stands.
#[derive(Debug, Serialize)]
pub struct Standing {
    /// The stable name, such as `shown` or `paid`.
    pub state: &'static str,
    /// Whether it can still become `paid`.
    pub open: bool,
    /// Whether it was paid, in time or late.
    pub paid: bool,
    /// When it was paid, by the Registry's clock.
    pub at: Option<Timestamp>,
    /// Why it failed: the code of an error.
    pub reason: Option<String>,
}

impl From<State> for Standing {
    fn from(state: State) -> Self {
        Self {
            state: state.name(),
            open: state.is_open(),
            paid: state.is_paid(),
            at: match state {
                State::Paid { at }
                | State::PaidAfterExpiry { at }
                | State::PaidAfterCancel { at } => Some(at),
                _ => None,
            },
            reason: match state {
                State::Failed(code) => Some(code),
                _ => None,
            },
        }
    }
}

/// A POS over its store.
#[derive(Debug)]
pub struct CashDesk {
    desk: cash_desk::CashDesk,
    store: Arc<dyn Store>,
}

impl CashDesk {
    /// Opens what the options describe.
    pub async fn open(options: CashDeskOptions) -> Result<Self> {
        let client = options.pos.client()?;
        let key = match options.pos.credential().open()? {
            Opened::Private(key) => key,
            Opened::Api(_) => {
                return Err(
                    invalid("a POS has a private key, not an API key").hint("give key_file")
                );
            }
        };
        let keys = open_keys(options.keys.as_ref(), &client)?;
        let store = open_store(options.store.as_ref(), &client).await?.store;
        let payee = PosClient::new(client, options.pos.id.parse()?, key)?;
        let desk = cash_desk::CashDesk::new(
            Arc::clone(&store),
            Arc::new(payee),
            keys,
            Arc::new(SystemClock),
        );
        Ok(Self { desk, store })
    }

    /// What it is made of: for what drives it further.
    pub(crate) fn into_parts(self) -> (cash_desk::CashDesk, Arc<dyn Store>) {
        (self.desk, self.store)
    }

    /// Asks for a payment under the shop's own reference, and gives the code to show.
    pub async fn charge(&self, reference: &str, charge: &ChargeOptions) -> Result<Code> {
        let ticket = self.desk.charge(reference, &charge.charge()?).await?;
        Ok(Code::of(self.desk.id(reference).to_hex(), &ticket))
    }

    /// How the checkout stands; none if there is none.
    pub async fn state(&self, reference: &str) -> Result<Option<Standing>> {
        Ok(self.desk.state(reference).await?.map(Standing::from))
    }

    /// Waits until the checkout is decided, at most so many seconds.
    pub async fn wait(&self, reference: &str, at_most: f64) -> Result<Standing> {
        self.desk
            .wait(reference, seconds(at_most)?)
            .await
            .map(Standing::from)
    }

    /// Calls a checkout off.
    pub async fn cancel(&self, reference: &str) -> Result<Standing> {
        self.desk.cancel(reference).await.map(Standing::from)
    }

    /// Looks after checkouts that are due, and tells which have changed: ids with how they stand.
    pub async fn work(&self, limit: usize) -> Result<Vec<(String, Standing)>> {
        let changed = self.desk.run_due(limit).await?.into_iter();
        Ok(changed
            .map(|(id, state): (CheckoutId, State)| (id.to_hex(), Standing::from(state)))
            .collect())
    }

    /// Closes the store.
    pub async fn close(&self) -> Result<()> {
        self.store.close().await
    }
}

/// Seconds as a length of time.
pub(crate) fn seconds(seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        Error::new(Kind::InputInvalid, "not a length of time").hint("give seconds, 0 or more")
    })
}

impl Source {
    pub(crate) fn credential(&self) -> &Credential {
        &self.key
    }
}
