//! One sale, in each of its states, and what a cashier can do about it.

mod decide;
mod paid;
mod show;
mod waiting;

use std::time::Duration;

use axum::{
    extract::{Path, Query},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use wom_sdk::{
    Error, Kind, Result,
    award::Ticket,
    checkout,
    sale::{Resolution, Sale, SaleId, State},
};

use super::{
    counter::{self, address},
    failed,
    forms::Form,
    home, not_here, to,
    visitor::{Posted, Visitor},
};
use crate::{ServedShop, Service};

/// How long a browser waits for something new before it asks again.
const WAIT: Duration = Duration::from_secs(25);
/// How often to look what other processes did.
const LOOK: Duration = Duration::from_millis(500);
/// How long a payment that was heard of is brought on while somebody looks.
const BRING: Duration = Duration::from_secs(2);

/// What the page shows of a sale.
pub(super) struct View {
    shop: ServedShop,
    sale: Sale,
    code: Code,
}

/// How the code of a sale that waits stands.
enum Code {
    /// It is payable for so many milliseconds.
    Payable(Box<Ticket>, i64),
    /// It is being made.
    Preparing,
    /// Its time is over, and the Registry is asked once more; or it is paid and the sale hears of it.
    Closing,
    /// It was called off.
    CalledOff,
    /// The Registry refused to make it, for this reason.
    Failed(String),
    /// Nothing is to be shown of it.
    Gone,
}

impl View {
    async fn of(service: &Service, shop: ServedShop, id: SaleId) -> Result<Self> {
        let sale = shop.shop().sale(id).await?;
        let code = match sale.state {
            State::Waiting | State::Lapsed => code(service, &shop, &sale).await?,
            _ => Code::Gone,
        };
        Ok(Self { shop, sale, code })
    }

    /// Changes when the page would look otherwise.
    fn stamp(&self) -> String {
        let code = match self.code {
            Code::Payable(..) => "payable",
            Code::Preparing => "preparing",
            Code::Closing => "closing",
            Code::CalledOff => "off",
            Code::Failed(_) => "failed",
            Code::Gone => "gone",
        };
        let line = if self.shop.connection().is_cut() {
            "cut"
        } else {
            "up"
        };
        format!("{}-{code}-{line}", self.sale.state.name())
    }
}

async fn code(service: &Service, shop: &ServedShop, sale: &Sale) -> Result<Code> {
    let Some(held) = shop.desk().checkout(sale.checkout).await? else {
        return Ok(Code::Preparing);
    };
    let ends = held.since.plus_millis(held.charge.patience_ms);
    let left = ends.since(service.0.clock.now());
    Ok(match (held.state, held.ticket) {
        (checkout::State::Shown, Some(ticket)) if left > 0 && sale.state == State::Waiting => {
            Code::Payable(Box::new(ticket), left)
        }
        (
            checkout::State::Created
            | checkout::State::Registered
            | checkout::State::Verifying
            | checkout::State::Verified,
            _,
        ) => Code::Preparing,
        (checkout::State::Cancelled, _) => Code::CalledOff,
        (checkout::State::Failed(why), _) => Code::Failed(why),
        _ if sale.state == State::Waiting => Code::Closing,
        _ => Code::Gone,
    })
}

pub(super) async fn show(
    mut visitor: Visitor,
    Path((shop, sale)): Path<(String, String)>,
) -> Response {
    let found = match visitor.shop(&shop) {
        Ok(shop) => shop,
        Err(response) => return response,
    };
    let Some(id) = SaleId::from_hex(&sale) else {
        return not_here(visitor.language);
    };
    match View::of(&visitor.service, found, id).await {
        Ok(view) => show::page(&visitor, &view, StatusCode::OK, None).await,
        Err(error) if error.kind() == Kind::InputInvalid => not_here(visitor.language),
        Err(error) => failed(&error, visitor.language),
    }
}

/// What a browser has, and of what.
#[derive(Deserialize)]
pub(super) struct Seen {
    #[serde(default)]
    sale: String,
    #[serde(default)]
    seen: String,
}

/// Answers `new` once the page would look otherwise, or `same` after a while.
pub(super) async fn wait(
    mut visitor: Visitor,
    Path(shop): Path<String>,
    Query(seen): Query<Seen>,
) -> Response {
    let shop = match visitor.shop(&shop) {
        Ok(shop) => shop,
        Err(response) => return response,
    };
    let service = visitor.service.clone();
    let changed = async {
        loop {
            let stamp = match SaleId::from_hex(&seen.sale) {
                Some(id) => bring(&service, &shop, id).await?.stamp(),
                None => home::stamp_now(&shop).await?,
            };
            if stamp != seen.seen {
                return Ok::<_, Error>(());
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        changed = changed => match changed {
            Ok(()) => "new".into_response(),
            Err(error) => failed(&error, visitor.language),
        },
        () = tokio::time::sleep(WAIT) => "same".into_response(),
        () = service.stopped() => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// How the sale stands. A payment that was just heard of is brought on at once.
async fn bring(service: &Service, shop: &ServedShop, id: SaleId) -> Result<View> {
    let view = View::of(service, shop.clone(), id).await?;
    if view.sale.state == State::Waiting {
        let watched = shop.desk().checkout(view.sale.checkout).await?;
        if watched.is_some_and(|held| !held.state.is_open()) {
            shop.shop().watch(id, BRING).await?;
            return View::of(service, shop.clone(), id).await;
        }
    }
    Ok(view)
}

/// A cashier does something about a sale.
pub(super) async fn act(
    Path((shop, sale, what)): Path<(String, String, String)>,
    posted: Posted,
) -> Response {
    let Posted { mut visitor, form } = posted;
    let shop = match visitor.shop(&shop) {
        Ok(shop) => shop,
        Err(response) => return response,
    };
    let language = visitor.language;
    let Some(id) = SaleId::from_hex(&sale) else {
        return not_here(language);
    };
    let done = match what.as_str() {
        "cancel" => cancel(&shop, id).await,
        "done" => shop.confirm(id).await.map(Some),
        "again" => again(&visitor.service, &shop, id).await.map(Some),
        "off" => off(&shop, id).await.map(Some),
        "resolve" => resolve(&shop, id, &form).await.map(Some),
        "replace" => replace(&shop, id, &form).await.map(Some),
        _ => return not_here(language),
    };
    match done {
        Ok(Some(sale)) => to(&address(&shop, &sale)),
        Ok(None) => to(&format!("/till/{}", shop.name())),
        Err(error) if what == "replace" && error.kind() == Kind::InputInvalid => {
            match View::of(&visitor.service, shop, id).await {
                Ok(view) => {
                    let wrong = counter::no_total(&view.shop, language);
                    let status = StatusCode::UNPROCESSABLE_ENTITY;
                    show::page(&visitor, &view, status, Some(wrong)).await
                }
                Err(error) => failed(&error, language),
            }
        }
        // What was done before by another browser, or by a second press: the page tells.
        Err(error) if error.kind() == Kind::InputInvalid => match shop.shop().sale(id).await {
            Ok(sale) if moved_on(&sale, &what) => to(&address(&shop, &sale)),
            _ => failed(&error, language),
        },
        Err(error) => failed(&error, language),
    }
}

/// Whether the sale stands where this would have brought it.
fn moved_on(sale: &Sale, what: &str) -> bool {
    match what {
        "done" => matches!(sale.state, State::Applied | State::Redeemed),
        "resolve" => matches!(
            sale.state,
            State::Granted | State::Recorded | State::Refunded | State::Redeemed
        ),
        _ => false,
    }
}

/// Calls the code off. One that was paid before goes on as paid, and is shown.
async fn cancel(shop: &ServedShop, id: SaleId) -> Result<Option<Sale>> {
    let sale = shop.shop().call_off(id).await?;
    Ok((sale.state != State::Lapsed).then_some(sale))
}

/// Makes the code that is not there yet; or a new one, after the last one ran out.
async fn again(service: &Service, shop: &ServedShop, id: SaleId) -> Result<Sale> {
    let sale = shop.shop().sale(id).await?;
    let offer = shop.offer(&sale.offer).cloned();
    let (Some(order), Some(offer)) = (&sale.order, offer) else {
        return Err(Error::new(
            Kind::InputInvalid,
            "the offer is not there any more",
        ));
    };
    let wanted = (sale.offer.clone(), offer);
    counter::make(service, shop, order.id.clone(), wanted).await
}

/// The sale does not take place, though it is paid: then something else can be given.
async fn off(shop: &ServedShop, id: SaleId) -> Result<Sale> {
    let sale = shop.shop().sale(id).await?;
    if let Some(order) = &sale.order {
        shop.shop().cancel(&order.id).await?;
    }
    shop.shop().sale(id).await
}

async fn resolve(shop: &ServedShop, id: SaleId, form: &Form) -> Result<Sale> {
    let resolution = match form.get("as") {
        "granted" => Resolution::Granted(form.get("reference").to_owned()),
        "recorded" => Resolution::Recorded,
        "redeemed" => Resolution::Redeemed,
        "refunded" => Resolution::Refunded,
        "retry" => Resolution::Retry,
        "withdrawn" => Resolution::Withdrawn,
        _ => return Err(Error::new(Kind::InputInvalid, "there is no such decision")),
    };
    let note = match form.get("note") {
        "" => "decided at the till",
        note => note,
    };
    shop.shop().resolve(id, resolution, note).await
}

async fn replace(shop: &ServedShop, id: SaleId, form: &Form) -> Result<Sale> {
    let order = counter::order(shop, form)?;
    shop.shop().replace(id, &order).await
}
