//! Webhooks of shops: a reason to look sooner at an order, and no more than that.

use axum::{
    extract::{Request, State},
    response::Response,
};

use super::{
    Failure,
    id::InShop,
    webhooks::{Call, answer},
};
use crate::Service;

/// Take a webhook of a shop
///
/// For the shop's own system, not for callers with a token: its signature says who calls. The order
/// that it names is read from the shop soon after; nothing that it says is believed. What a lost call
/// would have told is found by asking the shop. Send the body as it stands: signatures are over its
/// bytes.
#[utoipa::path(
    post,
    path = "/shops/{shop}/in",
    operation_id = "receiveShopWebhook",
    tag = "sales",
    security(()),
    params(InShop),
    request_body(
        content = Vec<u8>,
        content_type = "application/octet-stream",
        description = "In the form and of the type of the system that calls, at most 256 KiB"
    ),
    responses(
        (status = "2XX", description = "Heard: in the form that the system expects"),
        Failure,
    )
)]
pub(super) async fn receive(
    State(service): State<Service>,
    InShop { shop }: InShop,
    request: Request,
) -> Result<Response, Failure> {
    take(&service, &shop, request).await
}

/// Answer the handshake of a shop
///
/// Some systems ask so whether the address is whose it should be, before they call it.
#[utoipa::path(
    get,
    path = "/shops/{shop}/in",
    operation_id = "answerShopHandshake",
    tag = "sales",
    security(()),
    params(InShop),
    responses(
        (status = "2XX", description = "In the form that the system expects"),
        Failure,
    )
)]
pub(super) async fn shake_hands(
    State(service): State<Service>,
    InShop { shop }: InShop,
    request: Request,
) -> Result<Response, Failure> {
    take(&service, &shop, request).await
}

async fn take(service: &Service, shop: &str, request: Request) -> Result<Response, Failure> {
    let unknown = || Failure::not_found("there is no shop of this name");
    let shop = service.shops().and_then(|shops| shops.named(shop).cloned());
    let shop = shop.ok_or_else(unknown)?;
    if !shop.takes_webhooks() {
        return Err(Failure::not_found("this shop's system calls nobody"));
    }
    let call = Call::read(service, request).await?;
    let headers = call.headers();
    let (reply, order) = shop.shop().receive(&call.as_adapters_see_it(&headers));
    if let Some(order) = order
        && let Ok(place) = service.0.told.clone().try_acquire_owned()
    {
        let service = service.clone();
        // The system that calls is not kept waiting until it has been asked itself.
        tokio::spawn(async move {
            let _looking = service.0.looking.acquire().await;
            if let Err(error) = shop.shop().changed(&order).await {
                tracing::info!(code = error.code(), "an order will be looked at later");
            }
            drop(place);
        });
    }
    Ok(answer(reply))
}
