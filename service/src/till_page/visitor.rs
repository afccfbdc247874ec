//! Who asks, in which language, and for which shop.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, request::Parts},
    response::Response,
};
use wom_sdk::sale;

use super::{
    LANGUAGE,
    door::{self, Session},
    forms::Form,
    not_here, sign_in, strange,
};
use crate::{ServedShop, Service, page::Language};

/// A browser that was let in.
pub(super) struct Visitor {
    pub(super) service: Service,
    session: Session,
    headers: HeaderMap,
    pub(super) language: Language,
    /// The path that was asked for.
    pub(super) address: String,
}

impl FromRequestParts<Service> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Response> {
        let language = language_of(&parts.headers, None);
        if !door::is_called_by_name(service, &parts.headers) {
            return Err(strange(language));
        }
        let page = service.0.till_page.as_ref();
        let session = page.and_then(|page| page.session(service, &parts.headers));
        let session = session.ok_or_else(|| sign_in(service, language, None))?;
        Ok(Self {
            service: service.clone(),
            session,
            headers: parts.headers.clone(),
            language,
            address: parts.uri.path().to_owned(),
        })
    }
}

impl Visitor {
    /// The shops that are for them.
    pub(super) fn shops(&self) -> Vec<ServedShop> {
        let shops = self.service.shops();
        let all = shops.iter().flat_map(|shops| shops.iter());
        all.filter(|shop| self.session.covers(&self.service, shop))
            .cloned()
            .collect()
    }

    /// The shop of this name, if it is for them. From now on the page speaks its language, if nobody
    /// asks for one.
    #[expect(
        clippy::result_large_err,
        reason = "an answer, not an error on its way"
    )]
    pub(super) fn shop(&mut self, name: &str) -> Result<ServedShop, Response> {
        let shops = self.service.shops();
        let shop = shops.as_ref().and_then(|shops| shops.named(name));
        let shop = shop.filter(|shop| self.session.covers(&self.service, shop));
        let shop = shop.ok_or_else(|| not_here(self.language))?;
        self.language = language_of(&self.headers, shop.language());
        Ok(ServedShop::clone(shop))
    }

    /// What every form of theirs carries.
    pub(super) fn mark(&self) -> String {
        self.session.mark()
    }
}

/// What a form of ours brought, from a browser that was let in.
pub(super) struct Posted {
    pub(super) visitor: Visitor,
    pub(super) form: Form,
}

impl FromRequest<Service> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, service: &Service) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, service).await?;
        if !door::is_from_here(service, &parts.headers) {
            return Err(strange(visitor.language));
        }
        let form = Form::from_request(Request::from_parts(parts, body), service).await?;
        if form.get("mark") != visitor.mark() {
            return Err(strange(visitor.language));
        }
        Ok(Self { visitor, form })
    }
}

/// The language that was chosen; else the one that the browser asks for; else the shop's.
pub(super) fn language_of(headers: &HeaderMap, shop: Option<sale::Language>) -> Language {
    let chosen = match door::cookie(headers, LANGUAGE) {
        Some("it") => Some(Language::It),
        Some("en") => Some(Language::En),
        _ => None,
    };
    let of_shop = shop.map(|shop| match shop {
        sale::Language::Italian => Language::It,
        _ => Language::En,
    });
    chosen
        .or_else(|| Language::asked_by(headers))
        .or(of_shop)
        .unwrap_or(Language::En)
}
