//! Values as rows, and rows as values: the same in every data base.

mod reading;
mod written;

pub(crate) use self::{
    reading::{
        Columns, award, checkout, count, cursor, damaged, delivery, holding, listed_accounts,
        listed_awards, participant, poster, readable, sale,
    },
    written::{
        AccountRow, AwardRow, CheckoutRow, CommitRows, CursorRow, DeliveryRow, EntryRow,
        ParticipantRows, PosterRow, SaleRow,
    },
};

/// The columns of an award, in the order in which [`award`] reads them.
pub(crate) const AWARD: &str =
    "key, version, content, state, reason, sealed, tries, unclear, due, participant, accepted";

/// The columns of a delivery, in the order in which [`delivery`] reads them.
pub(crate) const DELIVERY: &str =
    "id, version, source, state, reason, sealed, received, tries, due";

/// The columns of a checkout, in the order in which [`checkout`] reads them.
pub(crate) const CHECKOUT: &str = "id, version, charge, state, sealed, tries, unclear, since, due";

/// The columns of a sale, in the order in which [`sale`] reads them.
pub(crate) const SALE: &str = "id, version, content";

/// The columns of a poster, in the order in which [`poster`] reads them.
pub(crate) const POSTER: &str = "id, version, content";
