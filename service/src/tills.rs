//! Many POS over one store.

use std::{collections::BTreeMap, sync::Arc};

use wom_sdk::{
    Error, Kind, Result,
    cash_desk::{CashDesk, Desks},
    checkout::CheckoutId,
    store::{Rate, Store},
};

/// The cash desks of any number of POS, by names that never change.
#[derive(Clone, Debug)]
pub struct Tills {
    pub(crate) store: Arc<dyn Store>,
    desks: Desks,
    by_name: BTreeMap<String, CashDesk>,
    names: BTreeMap<wom_sdk::checkout::DeskId, String>,
}

impl Tills {
    /// Looks a second at the payments of all POS together, unless told otherwise: each costs the
    /// Registry an RSA operation.
    pub const RATE: Rate = Rate {
        per_second: 50,
        burst: 100,
    };

    /// These POS, by name, all over this store.
    ///
    /// # Errors
    ///
    /// [`Kind::ConfigurationInvalid`] where two names stand for one POS.
    pub fn new(
        store: Arc<dyn Store>,
        desks: impl IntoIterator<Item = (String, CashDesk)>,
        rate: Rate,
    ) -> Result<Self> {
        let named = |(name, desk): (String, CashDesk)| {
            let desk = desk.with_name(&name);
            (name, desk)
        };
        let by_name: BTreeMap<_, _> = desks.into_iter().map(named).collect();
        let mut names = BTreeMap::new();
        for (name, desk) in &by_name {
            if let Some(other) = names.insert(desk.desk_id(), name.clone()) {
                return Err(
                    Error::new(Kind::ConfigurationInvalid, "two names stand for one POS")
                        .with("pos", name)
                        .with("other", other),
                );
            }
        }
        Ok(Self {
            desks: Desks::new(Arc::clone(&store), by_name.values().cloned()).with_rate(rate),
            store,
            by_name,
            names,
        })
    }

    /// The POS of this name.
    pub fn desk(&self, name: &str) -> Option<&CashDesk> {
        self.by_name.get(name)
    }

    /// The POS that a checkout is of, with its name.
    pub(crate) fn of(&self, id: CheckoutId) -> Option<(&str, &CashDesk)> {
        let desk = self.desks.desk(id.desk())?;
        let name = self.names.get(&id.desk())?;
        Some((name, desk))
    }

    /// The names of the POS.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    pub(crate) fn desks(&self) -> &Desks {
        &self.desks
    }
}
