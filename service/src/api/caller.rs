//! Who calls, and what of the service is there for them.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use wom_sdk::{cash_desk::CashDesk, checkout::CheckoutId};

use super::Failure;
use crate::{Grant, Programme, Scope, ServedShop, Service, Tills};

/// The bearer of a token that is known.
pub(crate) struct Caller {
    service: Service,
    grant: Grant,
}

impl FromRequestParts<Service> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Failure> {
        let header = parts.headers.get(header::AUTHORIZATION);
        let text = header.and_then(|value| value.to_str().ok());
        let (scheme, token) = text
            .and_then(|text| text.split_once(' '))
            .ok_or_else(Failure::unknown_caller)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Failure::unknown_caller());
        }
        let tokens = service.tokens();
        let grant = tokens
            .grant(token.trim())
            .ok_or_else(Failure::unknown_caller)?;
        Ok(Self {
            service: service.clone(),
            grant: grant.clone(),
        })
    }
}

impl Caller {
    /// The caller's instrument, if the token is good for one of these.
    pub(crate) fn programme(&self, scopes: &[Scope]) -> Result<&Programme, Failure> {
        self.check(scopes)?;
        let name = self.grant.instrument.as_ref();
        name.and_then(|name| self.service.0.programmes.get(name))
            .ok_or_else(|| Failure::not_found("the token is for no instrument of this service"))
    }

    /// The caller's POS.
    pub(crate) fn pos(&self) -> Result<CallersPos<'_>, Failure> {
        self.check(&[Scope::Checkouts])?;
        let tills = self.service.tills();
        let tills =
            tills.ok_or_else(|| Failure::not_found("the token is for no POS of this service"))?;
        Ok(CallersPos {
            tills,
            grant: &self.grant,
        })
    }

    /// The shop of this name, if the caller may ask for payments at its POS.
    pub(crate) fn shop(&self, name: &str) -> Result<Arc<ServedShop>, Failure> {
        self.check(&[Scope::Checkouts])?;
        let shop = self
            .service
            .shops()
            .and_then(|shops| shops.named(name).cloned());
        shop.filter(|shop| self.grant.covers_pos(shop.pos()))
            .ok_or_else(|| Failure::not_found("there is no shop of this name"))
    }

    pub(crate) fn check(&self, scopes: &[Scope]) -> Result<(), Failure> {
        if scopes.iter().any(|scope| self.grant.scopes.contains(scope)) {
            return Ok(());
        }
        Err(Failure::not_granted(
            scopes.first().map_or("", |scope| scope.name()),
        ))
    }

    pub(crate) fn service(&self) -> &Service {
        &self.service
    }
}

/// The POS that a caller's token is for.
pub(crate) struct CallersPos<'a> {
    tills: Arc<Tills>,
    grant: &'a Grant,
}

impl CallersPos<'_> {
    /// The one of this name; without a name the only one that there is.
    pub(crate) fn named(&self, name: Option<&str>) -> Result<(String, &CashDesk), Failure> {
        let name = match name {
            Some(name) => name.to_owned(),
            None => {
                let mut own = self
                    .tills
                    .names()
                    .filter(|name| self.grant.covers_pos(name));
                let first = own.next().map(ToOwned::to_owned);
                match (first, own.next()) {
                    (Some(only), None) => only,
                    _ => {
                        return Err(Failure::input(
                            "the token is for several POS, or for none: say which",
                            "field",
                            "pos",
                        ));
                    }
                }
            }
        };
        let granted = self.grant.covers_pos(&name);
        match self.tills.desk(&name).filter(|_| granted) {
            Some(desk) => Ok((name, desk)),
            None => Err(Failure::not_found("there is no POS of this name")),
        }
    }

    /// The one that a checkout is of.
    pub(crate) fn of(&self, id: CheckoutId) -> Option<(&str, &CashDesk)> {
        self.tills
            .of(id)
            .filter(|(name, _)| self.grant.covers_pos(name))
    }
}
